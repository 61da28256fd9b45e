#ifdef BLAS
// Row-major C = A B is column-major C' = B' A'.
extern "C" void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*,
                       const double*, const int*, const double*, double*, const int*);
static void multiply(const double* __restrict__ A, const double* __restrict__ B, double* __restrict__ C, long m, long k, long n) {
  char N = 'N';
  int mi = (int)m, ki = (int)k, ni = (int)n;
  double one = 1, none = 0;
  dgemm_(&N, &N, &ni, &mi, &ki, &one, B, &ni, A, &ki, &none, C, &ni);
}
#else
static void multiply(const double* __restrict__ A, const double* __restrict__ B, double* __restrict__ C, long m, long k, long n) {
  for (long i = 0; i < m; i++) {
    for (long j = 0; j < n; j++) C[i * n + j] = 0;
    for (long p = 0; p < k; p++) {
      double a = A[i * k + p];
      for (long j = 0; j < n; j++) C[i * n + j] += a * B[p * n + j];
    }
  }
}
#endif

static double objective(const double* __restrict__ W1, const double* __restrict__ b1, const double* __restrict__ W2,
                        const double* __restrict__ b2, const double* __restrict__ X, const double* __restrict__ Y,
                        long B, long I, long H, long O) {
  double* __restrict__ h = doubles(B * H); double* __restrict__ z = doubles(B * O);
  multiply(X, W1, h, B, I, H);
  for (long i = 0; i < B; i++) for (long j = 0; j < H; j++) h[i * H + j] = tanh(h[i * H + j] + b1[j]);
  multiply(h, W2, z, B, H, O);
  double loss = 0;
  for (long i = 0; i < B; i++) {
    double mx = z[i * O] + b2[0];
    for (long j = 0; j < O; j++) { z[i * O + j] += b2[j]; if (z[i * O + j] > mx) mx = z[i * O + j]; }
    double s = 0, t = 0;
    for (long j = 0; j < O; j++) { s += exp(z[i * O + j] - mx); t += Y[i * O + j] * (z[i * O + j] - mx); }
    loss += log(s) - t;
  }
  free(h); free(z);
  return loss / B;
}

ENTRY double primal(double* W1, double* b1, double* W2, double* b2, double* X, double* Y, long B, long I, long H, long O) {
  return objective(W1, b1, W2, b2, X, Y, B, I, H, O);
}

ENTRY void gradient(double* W1, double* b1, double* W2, double* b2, double* X, double* Y, long B, long I, long H, long O,
                    double* gW1, double* gb1, double* gW2, double* gb2) {
  zero(gW1, I * H); zero(gb1, H); zero(gW2, H * O); zero(gb2, O);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, W1, gW1, enzyme_dup, b1, gb1, enzyme_dup, W2, gW2, enzyme_dup, b2, gb2,
                          enzyme_const, X, enzyme_const, Y, enzyme_const, B, enzyme_const, I, enzyme_const, H, enzyme_const, O);
}
