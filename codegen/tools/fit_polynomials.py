#!/usr/bin/env python3
"""Computes the coefficients in codegen/math_coefficients.h (written to standard output).

Each polynomial is the minimax fit of a function under a weight: Remez exchange over a dense grid in 60-digit
decimal arithmetic, then every coefficient is rounded to f32 or f64. The comment above each table gives the
largest weighted error of the rounded coefficients, evaluated exactly. Needs the standard library only.
"""
import struct
from decimal import Decimal as D, getcontext

getcontext().prec = 60
ONE, TWO = D(1), D(2)
PI = D("3.14159265358979323846264338327950288419716939937510582097494459")
LN2 = TWO.ln()


def to_f32(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]


def solve(rows, rhs):
    """Gaussian elimination with partial pivoting."""
    n = len(rhs)
    m = [row[:] + [rhs[i]] for i, row in enumerate(rows)]
    for c in range(n):
        pivot = max(range(c, n), key=lambda r: abs(m[r][c]))
        m[c], m[pivot] = m[pivot], m[c]
        for r in range(c + 1, n):
            factor = m[r][c] / m[c][c]
            if factor:
                m[r] = [a - factor * b for a, b in zip(m[r], m[c])]
    x = [D(0)] * n
    for r in reversed(range(n)):
        x[r] = (m[r][n] - sum(m[r][c] * x[c] for c in range(r + 1, n))) / m[r][r]
    return x


def horner(coefficients, x):
    y = D(0)
    for c in reversed(coefficients):
        y = y * x + c
    return y


def cosine(x):
    term, total, n = ONE, ONE, 0
    while abs(term) > D("1e-55"):
        n += 2
        term *= -x * x / (n * (n - 1))
        total += term
    return total


def remez(f, weight, low, high, degree, points=400):
    """Coefficients (lowest first) that minimise the largest |weight * (polynomial - f)| on [low, high]."""
    low, high = D(low), D(high)
    grid = [(low + high) / 2 - (high - low) / 2 * cosine(PI * i / points) for i in range(points + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    count = degree + 2
    picks = [round(i * points / (count - 1)) for i in range(count)]
    best = None
    for _ in range(25):
        rows = [[grid[p] ** j if j else ONE for j in range(degree + 1)] + [(-1) ** i / weights[p]] for i, p in enumerate(picks)]
        coefficients = solve(rows, [values[p] for p in picks])[:-1]
        errors = [w * (horner(coefficients, x) - v) for x, v, w in zip(grid, values, weights)]
        largest = max(abs(e) for e in errors)
        if best is None or largest < best[0]:
            best = (largest, coefficients)
        # The largest error of each run of one sign, then the best consecutive `count` of those.
        extremes = []
        for i, error in enumerate(errors):
            if extremes and (errors[extremes[-1]] > 0) == (error > 0):
                if abs(error) > abs(errors[extremes[-1]]):
                    extremes[-1] = i
            else:
                extremes.append(i)
        while len(extremes) > count:
            extremes.pop(0 if abs(errors[extremes[0]]) < abs(errors[extremes[-1]]) else -1)
        if len(extremes) < count or extremes == picks:
            break
        picks = extremes
    return best[1], grid, values, weights


def expm1(x):
    return x.exp() - 1 if abs(x) > D("1e-8") else x + x * x / 2 + x ** 3 / 6 + x ** 4 / 24


def erf(x):
    term, total, n = x, x, 0
    while abs(term) > D("1e-58"):
        n += 1
        term *= -x * x / n
        total += term / (2 * n + 1)
    return 2 / PI.sqrt() * total


def exp_tail(r):
    """(e^r - 1 - r) / r^2."""
    if abs(r) > D("1e-6"):
        return (r.exp() - 1 - r) / (r * r)
    return D(1) / 2 + r / 6 + r * r / 24 + r ** 3 / 120 + r ** 4 / 720


def log_tail(f):
    """(log(1+f) - f + f^2/2) / f^3."""
    if abs(f) > D("1e-6"):
        return ((1 + f).ln() - f + f * f / 2) / f ** 3
    return D(1) / 3 - f / 4 + f * f / 5 - f ** 3 / 6 + f ** 4 / 7


def log_odd_tail(z):
    """(log((1+s)/(1-s)) - 2s) / s^3 with z = s^2."""
    if z > D("1e-10"):
        s = z.sqrt()
        return (((1 + s) / (1 - s)).ln() - 2 * s) / (s * z)
    return D(2) / 3 + 2 * z / 5 + 2 * z * z / 7


def log_odd_weight(z):
    s = z.sqrt()
    return s * z / ((1 + s) / (1 - s)).ln() if z > D("1e-20") else z / 2


def erf_excess(z):
    """erf(x)/x - 1 with z = x^2."""
    x = z.sqrt()
    return (erf(x) / x if x > D("1e-10") else 2 / PI.sqrt() * (1 - z / 3)) - 1


def table(name, comment, kind, f, weight, low, high, degree):
    coefficients, grid, values, weights = remez(f, weight, low, high, degree)
    rounded = [to_f32(c) if kind == "f32" else float(c) for c in coefficients]
    error = max(w * abs(horner([D(c) for c in rounded], x) - v) for x, v, w in zip(grid, values, weights))
    print(f"// {comment}")
    print(f"// weighted error {float(error):.2e} (2^{float(error.ln() / LN2):.1f})")
    print(f"static const double {name}_{kind}[] = {{")
    for c in rounded:
        print(f"    {float(c).hex()},")
    print("};\n")


def constants():
    """ln 2 in two parts: the first with enough zero bits at its end that n times it is exact."""
    for kind, bits in (("f32", 14), ("f64", 36)):
        high = float(int(LN2 * 2 ** bits)) / 2.0 ** bits
        low = LN2 - D(high)
        low = to_f32(low) if kind == "f32" else float(low)
        print(f"static const double ln2_high_{kind} = {high.hex()}, ln2_low_{kind} = {low.hex()};")
    print()


def main():
    half = LN2 / 2 * D("1.0005")
    low, high = D("0.5").sqrt() - 1, TWO.sqrt() - 1
    print("#ifndef NLM_CODEGEN_MATH_COEFFICIENTS_H\n#define NLM_CODEGEN_MATH_COEFFICIENTS_H")
    print("// Made by codegen/tools/fit_polynomials.py. Lowest power first; f32 tables hold exact f32 values.\n")
    print("// clang-format off")
    constants()
    exp_weight = lambda r: r * r / expm1(r) if r else D("1e-30")
    exp_about = "(e^r - 1 - r)/r^2 for |r| <= ln(2)/2, relative to e^r - 1"
    table("exp_tail", exp_about, "f32", exp_tail, lambda r: abs(exp_weight(r)), -half, half, 4)
    table("exp_tail", exp_about, "f64", exp_tail, lambda r: abs(exp_weight(r)), -half, half, 10)
    table("log_tail", "(log(1+f) - f + f^2/2)/f^3 for 1+f in [sqrt(1/2), sqrt(2)], relative to log(1+f)", "f32",
          log_tail, lambda f: abs(f ** 3 / (1 + f).ln()) if abs(f) > D("1e-20") else D("1e-30"), low, high, 8)
    s = (high / (2 + high)) ** 2
    table("log_odd_tail", "(log((1+s)/(1-s)) - 2s)/s^3 in s^2 for s = f/(2+f), relative to the logarithm", "f64",
          log_odd_tail, lambda z: max(log_odd_weight(z), D("1e-30")), 0, s, 6)
    relative = lambda z: 1 / (1 + erf_excess(z))
    table("erf_near", "erf(x)/x - 1 in x^2 for |x| <= 1, relative to erf(x)/x", "f32", erf_excess, relative, 0, 1, 6)
    table("erf_near", "erf(x)/x - 1 in x^2 for |x| <= 1, relative to erf(x)/x", "f64", erf_excess, relative, 0, 1, 13)
    tail = lambda x: -(1 - erf(x)).ln()
    tail_weight = lambda x: (1 - erf(x)) / erf(x)
    table("erf_far", "-log(erfc(x)), weighted by its effect on erf, relative", "f32", tail, tail_weight, 1, "4.1", 7)
    table("erf_far", "-log(erfc(x)), weighted by its effect on erf, relative", "f64", tail, tail_weight, 1, "6.1", 18)
    print("// clang-format on\n\n#endif")


main()
