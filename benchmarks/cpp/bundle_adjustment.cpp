static void residual(const double* __restrict__ c, const double* __restrict__ X, const double* __restrict__ w,
                     const double* __restrict__ feature, double* __restrict__ error) {
  double r0 = c[0], r1 = c[1], r2 = c[2], x0 = X[0] - c[3], x1 = X[1] - c[4], x2 = X[2] - c[5], y0, y1, y2;
  double t2 = r0 * r0 + r1 * r1 + r2 * r2;
  if (t2 != 0) {
    double t = sqrt(t2), ct = cos(t), st = sin(t), it = 1.0 / t, w0 = r0 * it, w1 = r1 * it, w2 = r2 * it;
    double c0 = w1 * x2 - w2 * x1, c1 = w2 * x0 - w0 * x2, c2 = w0 * x1 - w1 * x0;
    double tmp = (w0 * x0 + w1 * x1 + w2 * x2) * (1.0 - ct);
    y0 = x0 * ct + c0 * st + w0 * tmp; y1 = x1 * ct + c1 * st + w1 * tmp; y2 = x2 * ct + c2 * st + w2 * tmp;
  } else {
    y0 = x0 + r1 * x2 - r2 * x1; y1 = x1 + r2 * x0 - r0 * x2; y2 = x2 + r0 * x1 - r1 * x0;
  }
  double u = y0 / y2, v = y1 / y2, rsq = u * u + v * v, L = 1.0 + c[9] * rsq + c[10] * rsq * rsq;
  error[0] = *w * (u * L * c[6] + c[7] - feature[0]);
  error[1] = *w * (v * L * c[6] + c[8] - feature[1]);
}

static double weight_error(const double* w) { return 1.0 - *w * *w; }

ENTRY double primal(double* cameras, double* points, double* weights, long* observations, double* features, long p) {
  double s = 0;
  for (long o = 0; o < p; o++) {
    double e[2];
    residual(cameras + 11 * observations[2 * o], points + 3 * observations[2 * o + 1], weights + o, features + 2 * o, e);
    s += e[0] + e[1] + weight_error(weights + o);
  }
  return s;
}

// Two calls for each observation, one for each row of its Jacobian, as in ADBench's own entry for Enzyme.
ENTRY void gradient(double* cameras, double* points, double* weights, long* observations, double* features, long p,
                    double* J, double* Jw) {
  zero(J, 30 * p); zero(Jw, p);
  for (long o = 0; o < p; o++) {
    for (int e = 0; e < 2; e++) {
      double error[2] = {0, 0}, seed[2] = {0, 0};
      seed[e] = 1;
      double* row = J + 30 * o + 15 * e;
      __enzyme_autodiff<void>((void*)residual, enzyme_dup, cameras + 11 * observations[2 * o], row,
                              enzyme_dup, points + 3 * observations[2 * o + 1], row + 11, enzyme_dup, weights + o, row + 14,
                              enzyme_const, features + 2 * o, enzyme_dupnoneed, error, seed);
    }
    __enzyme_autodiff<void>((void*)weight_error, enzyme_dup, weights + o, Jw + o);
  }
}
