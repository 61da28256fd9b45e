static double objective(const double* __restrict__ x, long n) {
  double s = 0;
  for (long i = 0; i < n; i++) s += sin(x[i]) * x[i];
  return s;
}

ENTRY double primal(double* x, long n) { return objective(x, n); }

ENTRY void gradient(double* x, long n, double* gx) {
  zero(gx, n);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, x, gx, enzyme_const, n);
}
