from __future__ import annotations

import numpy as np
import pytest

from assistant.nets.alignment import LinearMap, Rows, fit


def drawn(*shape: int, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rotation(width: int) -> Rows:
    return np.linalg.qr(drawn(width, width, seed=5))[0].astype(np.float32)


@pytest.mark.parametrize(("narrow", "wide"), [(8, 20), (20, 8)])
def test_tables_that_differ_by_a_linear_map_are_taken_into_each_other(
    narrow: int, wide: int
) -> None:
    matrix, offset = drawn(narrow, wide, seed=1), drawn(wide, seed=2)
    source, unseen = drawn(300, narrow), drawn(9, narrow, seed=3)
    found = fit(source, source @ matrix + offset)
    assert found.kind == "ridge 0.0001"
    assert found.cosine > 0.9999
    np.testing.assert_allclose(found(unseen), unseen @ matrix + offset, atol=0.02)


def test_a_rotation_is_found_from_fewer_rows_than_there_are_dimensions() -> None:
    turn, source = np.float32(3) * rotation(40), drawn(60, 40)
    target = (source @ turn + 0.3 * drawn(60, 40, seed=1)).astype(np.float32)
    found = fit(source, target)
    assert found.kind == "procrustes"
    assert found.accuracy == 1.0
    norms = np.linalg.norm(found.matrix, axis=0)
    assert norms.max() == pytest.approx(norms.min(), rel=1e-3)  # turned and scaled, no more
    assert norms.mean() == pytest.approx(3.0, rel=0.1)


def test_what_judges_has_not_been_fitted() -> None:
    source, target = drawn(200, 12), drawn(200, 12, seed=1)
    found = fit(source, target)  # nothing in common
    assert found.accuracy < 0.4
    assert found.cosine < 0.4
    spoiled = target.copy()
    spoiled[1::10] *= -1
    other = fit(source, spoiled)
    if other.kind == found.kind:
        np.testing.assert_array_equal(other.matrix, found.matrix)
    assert other.cosine != pytest.approx(found.cosine)


def test_dimensions_that_hold_only_noise_are_fitted_with_a_ridge() -> None:
    source = drawn(400, 300)
    target = source[:, :20] @ drawn(20, 50, seed=1) + drawn(400, 50, seed=2)
    source[:, 20:] *= np.float32(0.02)
    assert fit(source, target).kind in ("ridge 0.001", "ridge 0.01", "ridge 0.1")


def test_a_row_that_counts_more_is_met_more_closely() -> None:
    source, target = drawn(50, 10), drawn(50, 10, seed=1)
    weights = np.ones(50, np.float32)
    weights[0] = 500

    def missed(found: LinearMap) -> float:
        return float(np.linalg.norm(found(source[:1]) - target[:1]))

    assert missed(fit(source, target, weights)) < missed(fit(source, target)) / 2


def test_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        fit(drawn(1, 3), drawn(1, 3))
