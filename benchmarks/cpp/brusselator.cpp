static void rhs(const double* __restrict__ u, const double* __restrict__ v, double* __restrict__ du, double* __restrict__ dv,
                long n, double A, double B, double alpha) {
  for (long i = 0; i < n; i++) {
    long im = i > 0 ? i - 1 : n - 1, ip = i < n - 1 ? i + 1 : 0;
    for (long j = 0; j < n; j++) {
      long jm = j > 0 ? j - 1 : n - 1, jp = j < n - 1 ? j + 1 : 0, c = i * n + j;
      double uuv = u[c] * u[c] * v[c];
      du[c] = B + uuv - (A + 1.0) * u[c] + alpha * (u[im * n + j] + u[ip * n + j] + u[i * n + jm] + u[i * n + jp] - 4.0 * u[c]);
      dv[c] = A * u[c] - uuv + alpha * (v[im * n + j] + v[ip * n + j] + v[i * n + jm] + v[i * n + jp] - 4.0 * v[c]);
    }
  }
}

static double objective(const double* __restrict__ s0, double A, double B, double alpha, double dt, long n, long steps) {
  long N = 2 * n * n, h = n * n;
  double *__restrict__ s = doubles(N), *__restrict__ t = doubles(N), *__restrict__ k1 = doubles(N), *__restrict__ k2 = doubles(N),
         *__restrict__ k3 = doubles(N), *__restrict__ k4 = doubles(N);
  for (long i = 0; i < N; i++) s[i] = s0[i];
  for (long step = 0; step < steps; step++) {
    rhs(s, s + h, k1, k1 + h, n, A, B, alpha);
    for (long i = 0; i < N; i++) t[i] = s[i] + 0.5 * dt * k1[i];
    rhs(t, t + h, k2, k2 + h, n, A, B, alpha);
    for (long i = 0; i < N; i++) t[i] = s[i] + 0.5 * dt * k2[i];
    rhs(t, t + h, k3, k3 + h, n, A, B, alpha);
    for (long i = 0; i < N; i++) t[i] = s[i] + dt * k3[i];
    rhs(t, t + h, k4, k4 + h, n, A, B, alpha);
    for (long i = 0; i < N; i++) s[i] += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
  }
  double loss = 0;
  for (long i = 0; i < N; i++) loss += s[i] * s[i];
  free(s); free(t); free(k1); free(k2); free(k3); free(k4);
  return loss;
}

ENTRY double primal(double* s0, double A, double B, double alpha, double dt, long n, long steps) {
  return objective(s0, A, B, alpha, dt, n, steps);
}

ENTRY void gradient(double* s0, double A, double B, double alpha, double dt, long n, long steps, double* gs0) {
  zero(gs0, 2 * n * n);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, s0, gs0, enzyme_const, A, enzyme_const, B, enzyme_const, alpha,
                          enzyme_const, dt, enzyme_const, n, enzyme_const, steps);
}
