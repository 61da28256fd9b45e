static double log_sum_exp(const double* __restrict__ v, long K) {
  double mx = v[0];
  for (long k = 1; k < K; k++) if (v[k] > mx) mx = v[k];
  double s = 0;
  for (long k = 0; k < K; k++) s += exp(v[k] - mx);
  return log(s) + mx;
}

static double objective(const double* __restrict__ alphas, const double* __restrict__ means, const double* __restrict__ icf,
                        const double* __restrict__ x, double gamma, long m, double wconst, long K, long d, long n) {
  long isz = d * (d + 1) / 2;
  double* __restrict__ qd = doubles(K * d); double* __restrict__ sq = doubles(K);
  double* __restrict__ xc = doubles(d); double* __restrict__ qx = doubles(d); double* __restrict__ mt = doubles(K);
  for (long k = 0; k < K; k++) {
    double s = 0;
    for (long i = 0; i < d; i++) { s += icf[k * isz + i]; qd[k * d + i] = exp(icf[k * isz + i]); }
    sq[k] = s;
  }
  double slse = 0;
  for (long ix = 0; ix < n; ix++) {
    for (long k = 0; k < K; k++) {
      for (long i = 0; i < d; i++) { xc[i] = x[ix * d + i] - means[k * d + i]; qx[i] = qd[k * d + i] * xc[i]; }
      long li = d;
      for (long i = 0; i < d; i++) for (long j = i + 1; j < d; j++) { qx[j] += icf[k * isz + li] * xc[i]; li++; }
      double s = 0;
      for (long i = 0; i < d; i++) s += qx[i] * qx[i];
      mt[k] = alphas[k] + sq[k] - 0.5 * s;
    }
    slse += log_sum_exp(mt, K);
  }
  double lsa = log_sum_exp(alphas, K), w = 0;
  for (long k = 0; k < K; k++) {
    double f = 0;
    for (long i = 0; i < d; i++) f += qd[k * d + i] * qd[k * d + i];
    for (long i = d; i < isz; i++) f += icf[k * isz + i] * icf[k * isz + i];
    w += 0.5 * gamma * gamma * f - m * sq[k];
  }
  free(qd); free(sq); free(xc); free(qx); free(mt);
  return -n * d * 0.5 * 1.8378770664093453 + slse - n * lsa + w - wconst;
}

ENTRY double primal(double* alphas, double* means, double* icf, double* x, double gamma, long m, double wconst, long K, long d, long n) {
  return objective(alphas, means, icf, x, gamma, m, wconst, K, d, n);
}

ENTRY void gradient(double* alphas, double* means, double* icf, double* x, double gamma, long m, double wconst, long K, long d, long n,
                    double* galphas, double* gmeans, double* gicf) {
  zero(galphas, K); zero(gmeans, K * d); zero(gicf, K * d * (d + 1) / 2);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, alphas, galphas, enzyme_dup, means, gmeans, enzyme_dup, icf, gicf,
                          enzyme_const, x, enzyme_const, gamma, enzyme_const, m, enzyme_const, wconst,
                          enzyme_const, K, enzyme_const, d, enzyme_const, n);
}
