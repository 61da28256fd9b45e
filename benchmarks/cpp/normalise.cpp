// `pure` promises what Enzyme's own example promises: the call may be hoisted.
__attribute__((pure)) static double mag(const double* x, long n) {
  double s = 0;
  for (long j = 0; j < n; j++) s += x[j] * x[j];
  return sqrt(s);
}

static double objective(const double* __restrict__ x, const double* __restrict__ w, long n) {
  double* __restrict__ out = doubles(n);
  for (long i = 0; i < n; i++) out[i] = x[i] / mag(x, n);
  double loss = 0;
  for (long i = 0; i < n; i++) loss += out[i] * w[i];
  free(out);
  return loss;
}

ENTRY double primal(double* x, double* w, long n) { return objective(x, w, n); }

ENTRY void gradient(double* x, double* w, long n, double* gx) {
  zero(gx, n);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, x, gx, enzyme_const, w, enzyme_const, n);
}
