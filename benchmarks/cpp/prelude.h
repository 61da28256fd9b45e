// Declarations only: the compiler inside the wheel has no C++ headers.
extern "C" {
double sin(double); double cos(double); double exp(double); double log(double); double sqrt(double); double tanh(double);
void* malloc(unsigned long); void free(void*); void* memset(void*, int, unsigned long);
}
extern int enzyme_const, enzyme_dup, enzyme_dupnoneed;
template <typename RT, typename... T> RT __enzyme_autodiff(void*, T...);
#define ENTRY extern "C" __attribute__((noinline, used))
static double* doubles(long count) { return (double*)malloc(8 * count); }
static void zero(double* out, long count) { memset(out, 0, 8 * count); }
