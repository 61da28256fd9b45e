// mag() hoisted by hand: what loop-invariant code motion before differentiation gives.

static double objective(const double* __restrict__ x, const double* __restrict__ w, long n) {
  double* __restrict__ out = doubles(n);
  double s = 0;
  for (long j = 0; j < n; j++) s += x[j] * x[j];
  double m = sqrt(s);
  for (long i = 0; i < n; i++) out[i] = x[i] / m;
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
