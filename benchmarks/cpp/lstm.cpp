static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static double objective(const double* __restrict__ weights, const double* __restrict__ extra, const double* __restrict__ state0,
                        const double* __restrict__ sequence, long l, long b, long c) {
  double* __restrict__ state = doubles(2 * l * b); double* __restrict__ x = doubles(b);
  for (long i = 0; i < 2 * l * b; i++) state[i] = state0[i];
  double total = 0;
  for (long t = 0; t < c - 1; t++) {
    for (long i = 0; i < b; i++) x[i] = sequence[t * b + i] * extra[i];
    for (long k = 0; k < l; k++) {
      const double* w = weights + 2 * k * 4 * b; const double* o = w + 4 * b;
      double* h = state + 2 * k * b; double* cell = h + b;
      for (long i = 0; i < b; i++) {
        double forget = sigmoid(x[i] * w[i] + o[i]), input = sigmoid(h[i] * w[b + i] + o[b + i]);
        double output = sigmoid(x[i] * w[2 * b + i] + o[2 * b + i]), change = tanh(h[i] * w[3 * b + i] + o[3 * b + i]);
        cell[i] = cell[i] * forget + input * change;
        h[i] = output * tanh(cell[i]);
      }
      for (long i = 0; i < b; i++) x[i] = h[i];
    }
    double s = 2.0;
    for (long i = 0; i < b; i++) { x[i] = x[i] * extra[b + i] + extra[2 * b + i]; s += exp(x[i]); }
    double lse = log(s);
    for (long i = 0; i < b; i++) total += sequence[(t + 1) * b + i] * (x[i] - lse);
  }
  free(state); free(x);
  return -total / ((c - 1) * b);
}

ENTRY double primal(double* weights, double* extra, double* state0, double* sequence, long l, long b, long c) {
  return objective(weights, extra, state0, sequence, l, b, c);
}

ENTRY void gradient(double* weights, double* extra, double* state0, double* sequence, long l, long b, long c,
                    double* gweights, double* gextra) {
  zero(gweights, 2 * l * 4 * b); zero(gextra, 3 * b);
  __enzyme_autodiff<void>((void*)objective, enzyme_dup, weights, gweights, enzyme_dup, extra, gextra, enzyme_const, state0,
                          enzyme_const, sequence, enzyme_const, l, enzyme_const, b, enzyme_const, c);
}
