"""Structured arrays: records as arguments, their fields as numbers and as arrays, copies, arrays made inside."""

import math

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array, exactly, integers, members, real, records

CORPUS = Corpus()
program = CORPUS.program


def record_dtype(fields, **options):
    """A dtype whose records have their fields as attributes, in plain Python as in compiled code."""
    return np.dtype((np.record, np.dtype(fields, **options)))


PARTICLE = record_dtype([("x", "f8"), ("n", "i8"), ("v", "f8", (3,))])
ALIGNED = record_dtype([("flag", "?"), ("x", "f8"), ("k", "i4"), ("s", "f4")], align=True)
PACKED = record_dtype([("tag", "i1"), ("x", "f8"), ("s", "f4"), ("z", "c16"), ("w", "c8")])
SINGLE = record_dtype([("a", "f4"), ("n", "i4"), ("b", "f4"), ("c", "f4")])
POINT = record_dtype([("x", "f8"), ("y", "f8")])
SMALL = record_dtype([("m", "i8"), ("a", "f8")])
BODY = record_dtype([("id", "i4"), ("place", POINT), ("parts", SMALL, (2,)), ("count", "i8"), ("mass", "f8")])
CELL = record_dtype([("nodes", "i8", (3,)), ("area", "f8"), ("flux", "f8", (2, 2))])
WITH_TEXT = record_dtype([("name", "U3"), ("x", "f8"), ("day", "M8[D]")])


# -- reading --------------------------------------------------------------------------------------------------
@program(records(PARTICLE, 5))
def record_fields_read(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].v[1] * p[i].n + p[i]["x"] ** 2
    return total


@program(records(PARTICLE, 5, layout="strided"))
def record_fields_read_strided(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].v[0] - p[i].v[2] * p[i].n
    return total


@program(records(PARTICLE, 4, layout="reversed"))
def record_iterated_reversed(p):
    total = 1.0
    for q in p:
        total = total * q.x + q.n
    return total


@program(records(PARTICLE, 2, 3, layout="F"))
def record_matrix(p):
    total = 0.0
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            total += p[i, j].x * p[i, j].v[i] * (j + 1.0)
    return total


@program(records(PARTICLE, 4, layout="readonly"))
def record_read_only(p):
    return p[0].x * p[1].x + p[2].v[1]


@program(records(PARTICLE, 5))
def record_field_views(p):
    return np.sum(p.x * p.x) + np.sum(p["v"]) * p["x"][2] + np.sum(p.n)


@program(records(CELL, 4))
def record_nested_array_read(c):
    total = 0.0
    for i in range(c.size):
        for j in range(3):
            total += c[c[i].nodes[j]].area * c[i].flux[0, 1]
    return total + np.sum(c.flux[1])


@program(records(BODY, 3))
def record_inside_record(b):
    total = 0.0
    for i in range(b.size):
        total += b[i].place.x * b[i].place.y + b[i].parts[1].a * b[i].mass
    return total


@program(records(BODY, 3))
def record_inside_record_views(b):
    place = b.place
    return np.sum(place.x * b.mass) + place[1].y * b["parts"]["a"][0, 1]


@program(records(POINT, 4), analytic=True)
def record_of_floats_alone(p):
    total = 0.0
    for i in range(p.size):
        total += p[i]["x"] * p[i]["y"]
        p[i]["x"] = total
    return total


@program(records(ALIGNED, 4))
def record_aligned(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].s if p[i].flag else p[i].x + p[i].k
        p[i].s = np.float32(p[i].x * 2.0)
        p[i].k += 1
    return total


@program(records(PACKED, 4))
def record_packed(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].s + (p[i].z * p[i].z).imag + abs(p[i].w) * p[i].tag
        p[i].z = p[i].z * (1.0 + 2.0j)
    return total + p[0].z.real


@program(records(SINGLE, 5))
def record_single_precision(p):
    total = np.float32(0.0)
    for i in range(p.size):
        total += p[i].a * p[i].b * p[i].n
        p[i].c = total
    return total + p[1].c


@program(records(WITH_TEXT, 3))
def record_with_text(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].x
        p[i].x = total
    return total


# -- writing --------------------------------------------------------------------------------------------------
@program(records(PARTICLE, 5))
def record_fields_written(p):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * p[i].n
        p[i].n = i
        p[i].x = total
        p[i].v[1] = p[i].v[0] * total
    return total


@program(records(PARTICLE, 5))
def record_integers_written(p):
    for i in range(p.size):
        p[i].n = 3 * i
        p[i]["n"] += p[(i + 1) % p.size].n
    return p[2].x * p[3].n


@program(records(PARTICLE, 5))
def record_integers_shifted(p):
    for i in range(p.size - 1):
        p[i].n = p[i + 1].n
        p[i].x = p[i + 1].x
    return p[0].x * p[1].x * p[0].n


@program(records(PARTICLE, 4))
def record_no_result(p):
    for i in range(1, p.size):
        p[i].x = p[i - 1].x * p[i].v[0]
        p[i].n = 7


@program(records(PARTICLE, 5), array(5))
def record_field_views_written(p, y):
    p.x[:] = y * p.x
    p["n"][:] = 2
    p.v[1:, 0] = y[:-1]
    return np.sum(p.x) + np.sum(p.v * p.v)


@program(records(PARTICLE, 5))
def record_zeroed(p):
    t = p[0].x * p[1].x
    p[0].x = 0.0
    p[0].n = 0
    p[0].v[0] = 0.0
    p[0].v[1] = 0.0
    p[0].v[2] = 0.0
    return t + p[0].x + p[1].v[0]


@program(records(CELL, 4))
def record_nested_integers_written(c):
    total = 0.0
    for i in range(c.size):
        for j in range(3):
            c[i].nodes[j] = j
        total += c[c[i].nodes[i % 3]].area * c[i].flux[1, 0]
    return total


@program(records(BODY, 3))
def record_inside_record_written(b):
    for i in range(b.size - 1):
        b[i].place.x = b[i].mass * b[i + 1].place.y
        b[i].parts[0].a = b[i].place.x
        b[i].parts[0].m = i
        b[i].count = b[i + 1].count
    return b[0].parts[0].a * b[1].parts[0].a


# -- copies ---------------------------------------------------------------------------------------------------
@program(records(PARTICLE, 5))
def records_assigned(p):
    for i in range(p.size - 1):
        p[i] = p[i + 1]
    p[4] = p[0]
    return p[0].x * p[4].v[2] * p[4].n


@program(records(ALIGNED, 4))
def records_assigned_aligned(p):
    p[0] = p[1]
    p[3] = p[0]
    return p[3].x * p[0].x + p[3].s * p[0].k


@program(records(SMALL, 4))
def records_of_two_words(p):
    p[0] = p[2]
    p[1] = p[0]
    return p[0].a * p[1].a * p[1].m


@program(records(SINGLE, 4))
def records_of_four_words(p):
    p[0] = p[2]
    return p[0].a * p[0].b * p[0].n + p[2].a


@program(records(PARTICLE, 5))
def records_copied(p):
    q = p.copy()
    for i in range(p.size):
        q[i].x *= p[i].x
        q[i].n += 1
    return np.sum(q.x) * q[1].v[2] * q[2].n


@program(records(PARTICLE, 5, layout="strided"))
def records_copied_strided(p):
    q = p.copy()
    q[0].x *= q[1].x
    return q[0].x * q[2].v[1] * q[0].n


@program(records(PACKED, 4))
def records_copied_packed(p):
    q = np.copy(p)
    q[0].z *= p[0].z
    return (q[0].z * q[1].w).real * q[2].s + q[3].x


@program(records(PARTICLE, 5), records(PARTICLE, 5))
def records_copied_to_other(p, q):
    q[:] = p
    return q[0].x * q[1].x * q[2].n


@program(records(PARTICLE, 5))
def records_copied_within(p):
    p[1:] = p[:-1]
    return p[1].x * p[2].v[0] * p[1].n


@program(records(PARTICLE, 5))
def records_copied_twice(p):
    q = p.copy()
    r = q.copy()
    q[0].x = 2.0
    return r[0].x * r[1].x * q[0].x + q[1].v[1]


@program(records(PARTICLE, 4))
def record_nested_array_assigned(p):
    p[0].v = p[1].v
    p[2].v[:] = p[0].v * 2.0
    return p[2].v[0] * p[0].v[1]


@program(records(PARTICLE, 4), array(3))
def record_nested_array_from_array(p, y):
    p[1].v[:] = y
    p[2].v[:] = y * y
    return np.sum(p[1].v) * p[2].v[0]


@program(records(BODY, 3))
def record_inside_record_copied(b):
    b[0].place = b[1].place
    b[0].parts[1] = b[2].parts[0]
    return b[0].place.x * b[0].parts[1].a * b[0].parts[1].m


# -- helpers --------------------------------------------------------------------------------------------------
def energy_of(q):
    return 0.5 * q.x * (q.v[0] ** 2 + q.v[1] ** 2)


@njit
def kick(q, amount):
    q.x += amount * q.v[0]
    q.n += 1


@program(records(PARTICLE, 4), real())
def record_handed_to_helpers(p, a):
    total = 0.0
    for i in range(p.size):
        kick(p[i], a)
        total += energy_of(p[i])
    return total * p[0].n


@njit
def nest_energy(p, i):
    if i == p.size:
        return 0.0
    p[i].x *= 2.0
    p[i].n = i
    return p[i].x * p[i].v[0] + nest_energy(p, i + 1) * p[i].n


@program(records(PARTICLE, 4))
def record_array_in_recursion(p):
    return nest_energy(p, 0)


@njit
def swing(q, n):
    if n == 0:
        return q.x * q.n
    q.v[1] = q.x
    q.x = math.sin(q.x) * q.v[0]
    q.n += 1
    return swing(q, n - 1) + q.v[1]


@program(records(PARTICLE, 3), exactly(3))
def record_in_recursion(p, n):
    return swing(p[1], n) * p[0].x


# -- arrays made inside ---------------------------------------------------------------------------------------
@program(records(PARTICLE, 4))
def records_made(p):
    q = np.zeros(p.size, PARTICLE)
    for i in range(p.size):
        q[i].x = p[i].x * 2.0
        q[i].n = p[i].n + 1
        q[i].v[0] = p[i].v[2]
    total = 0.0
    for r in q:
        total += r.x * r.n
    return total + np.sum(q["v"]) * np.sum(q["x"])


@program(array(4))
def records_made_from_array(x):
    q = np.empty(x.size, ALIGNED)
    for i in range(x.size):
        q[i].x = x[i] * x[i]
        q[i].s = np.float32(1.0)
        q[i].k = i
        q[i].flag = x[i] > 0.0
    total = 0.0
    for i in range(x.size):
        total += q[i].x * q[i].k if q[i].flag else q[i].x * 3.0
    return total


@program(array(4))
def records_made_and_copied(x):
    q = np.zeros(x.size, SMALL)
    for i in range(x.size):
        q[i].a = x[i]
        q[i].m = i
    r = q.copy()
    r[1:] = q[:-1]
    r[0] = q[3]
    return r[0].a * r[1].a * r[2].m


@program(array(5))
def records_of_two_precisions_made_and_copied(x):
    q = np.zeros(x.size, ALIGNED)
    for i in range(x.size):
        q[i].x = x[i]
        q[i].s = np.float32(0.5)
    r = q.copy()
    return r[0].x * r[1].x + r[1].s


@program(records(CELL, 3), array(4))
def records_made_with_nested_integers(c, x):
    d = np.zeros(c.size, CELL)
    for i in range(c.size):
        for j in range(3):
            d[i].nodes[j] = c[i].nodes[j]
        d[i].area = x[d[i].nodes[1]] * c[i].area
        d[i].flux[1, 1] = d[i].area * 2.0
    return d[0].area * d[1].flux[1, 1]


# -- several arguments ----------------------------------------------------------------------------------------
@program(members(records(PARTICLE, 3), array(3)))
def records_in_tuple(pair):
    p, x = pair
    p[0].x = x[1] * p[1].x
    return p[0].x * p[2].v[0]


@program(records(PARTICLE, 3), records(PARTICLE, 3), constant=(1,))
def records_constant(p, q):
    total = 0.0
    for i in range(p.size):
        total += p[i].x * q[i].x * q[i].n
    return total


@program(records(record_dtype([("i", "i8"), ("j", "i8")]), 4), array(4))
def records_of_integers(edges, x):
    total = 0.0
    for e in edges:
        total += x[e.i] * x[e.j]
        e.j = 0
    return total


@program(records(PARTICLE, 4), integers(4, high=4), real())
def records_scattered(p, where, a):
    for i in range(where.size):
        p[where[i]].x += a * p[i].v[0]
        p[where[i]].n = i
    return p[0].x * p[1].x


def overlapping_records(rng):
    p = records(PARTICLE, 6)(rng)
    return p[:4], p[2:]


@program(together=overlapping_records)
def records_overlapping(p, q):
    for i in range(p.size):
        p[i].x = q[i].x * p[i].v[0]
        q[i].n = i
    return p[0].x * q[1].x


# -- results --------------------------------------------------------------------------------------------------
@program(records(PARTICLE, 3), array(3))
def records_returned(p, x):
    q = np.zeros(x.size, PARTICLE)
    for i in range(x.size):
        q[i].x = x[i] * p[i].x
        q[i].n = i
    return q


@program(records(PARTICLE, 3))
def record_fields_returned(p):
    return p.x * 2.0, p.v


@program(records(PARTICLE, 3), failing=((np.zeros(0, PARTICLE),),))
def record_out_of_bounds(p):
    p[0].x = p[0].x * 2.0
    return p[0].x * p[1].x
