"""Label configurations of a batch: posteriors over draws after each, and what a further label would tell.

``rows_ut`` holds one posterior over draws for each distinct configuration, ``omega_u`` their probabilities. For products they are
packed in chunks of columns, (chunks, draws padded, columns), with zeros where padded. Posteriors are float32, every sum
over configurations float64; everything is added in an order that depends on shapes alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel
from alcore.kernels.log import log
from alcore.kernels.product import multiply

Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST = np.float32(1e-30)  # of a posterior: a draw all but ruled out may be the only one to allow a later label


@kernel()
def extend(
    rows_ut: Float32s,
    parent_v: Ints,
    label_v: Ints,
    probs_ct: Float64s,
    start: int,
    stop: int,
    out_vt: Float32s,
    draws_v: Float64s,
) -> None:
    """Rows start to stop of ``out_vt``: the parent's posterior times the likelihood of the label, renormalised.

    ``draws_v`` is 1 / sum_t out_vt^2, the number of draws that still explain the labels.
    """
    draws = rows_ut.shape[1]
    product_t = np.empty(draws, np.float64)
    for v in range(start, stop):
        row_t, likelihood_t = rows_ut[parent_v[v]], probs_ct[label_v[v]]
        total = 0.0
        for t in range(draws):
            product_t[t] = np.float64(row_t[t]) * likelihood_t[t]
            total += product_t[t]
        scale, square = 1.0 / total, 0.0
        for t in range(draws):
            out_vt[v, t] = max(np.float32(product_t[t] * scale), _LEAST)
            square += np.float64(out_vt[v, t]) * np.float64(out_vt[v, t])
        draws_v[v] = 1.0 / square


@kernel()
def predict(rows_ut: Float32s, probs_ct: Float64s, out_uc: Float64s) -> None:
    """sum_t row_ut p_ct, the predictive probability of each label after each configuration."""
    for u in range(rows_ut.shape[0]):
        for c in range(probs_ct.shape[0]):
            total = 0.0
            for t in range(probs_ct.shape[1]):
                total += np.float64(rows_ut[u, t]) * probs_ct[c, t]
            out_uc[u, c] = total


@kernel()
def draw_labels(cumulative_tc: Float64s, owner_m: Ints, uniform_m: Float64s, out_m: Ints) -> None:
    """Each configuration's label from the distribution of its owner: the first class whose cumulative sum exceeds the uniform."""
    last = cumulative_tc.shape[1] - 1
    for m in range(owner_m.size):
        sums_c = cumulative_tc[owner_m[m]]
        point = uniform_m[m] * sums_c[last]
        label = 0
        while label < last and sums_c[label] <= point:
            label += 1
        while label > 0 and sums_c[label] == sums_c[label - 1]:  # rounding led past the last class that is possible
            label -= 1
        out_m[m] = label


@kernel()
def leaders(rows_ut: Float32s, start: int, stop: int, first_u: Ints, second_u: Ints, weight_u: Float64s) -> None:
    """The two draws of largest weight of each posterior and the weight of the first; weights alike in their leading bits may swap.

    Positive numbers are in the order of their bits: with the draw in the low ones, a maximum tells both.
    """
    draws = rows_ut.shape[1]
    low = np.int32(1)
    while low < draws:
        low *= np.int32(2)
    low -= np.int32(1)
    for u in range(start, stop):
        bits_t = rows_ut[u].view(np.int32)
        first = np.int32(0)
        for t in range(draws):
            first = max(first, np.int32(np.int32(bits_t[t] | low) ^ np.int32(t)))
        second = np.int32(0)
        for t in range(draws):
            bits = np.int32(np.int32(bits_t[t] | low) ^ np.int32(t))
            second = max(second, np.int32(0) if bits == first else bits)
        first_u[u] = low - (first & low)
        second_u[u] = low - (second & low)
        weight_u[u] = rows_ut[u, first_u[u]]


@kernel()
def informations(probs_ct: Float64s, packed_qtj: Float32s, start: int, stop: int, out_qj: Float64s) -> None:
    """I(y; draw) after each configuration of chunks start to stop: H(sum_t row_t p_t) - sum_t row_t H(p_t), in float64."""
    classes, draws = probs_ct.shape
    even = classes + 1 + (classes + 1) % 2
    a_ct = np.zeros((even, packed_qtj.shape[1]), np.float64)
    x_cj = np.empty((even, packed_qtj.shape[2]), np.float64)
    for c in range(classes):
        for t in range(draws):
            a_ct[c, t] = probs_ct[c, t]
            a_ct[classes, t] += probs_ct[c, t] * log(probs_ct[c, t])
    for q in range(start, stop):
        multiply(a_ct, None, packed_qtj[q], x_cj)
        out_j = out_qj[q]
        for j in range(out_j.size):
            out_j[j] = x_cj[classes, j]
        for c in range(classes):
            for j in range(out_j.size):
                out_j[j] -= x_cj[c, j] * log(x_cj[c, j])


@kernel()
def mean_and_error(values_u: Float64s, omega_u: Float64s, square_u: Float64s) -> tuple[float, float]:
    """sum_u omega_u v_u and its standard error; square_u is sum_m omega_m^2 over the configurations m that share u."""
    mean = 0.0
    for u in range(omega_u.size):
        mean += omega_u[u] * values_u[u]
    variance = 0.0
    for u in range(omega_u.size):
        variance += square_u[u] * (values_u[u] - mean) * (values_u[u] - mean)
    return mean, np.sqrt(variance)
