from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.errors import ImageError
from specimen_unet.domain.gray_values import check_gray_values


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((0, 3)), "no voxels"),
        (np.array([0.0, np.nan]), "not numbers"),
        (np.array([0.0, np.inf]), "infinite"),
        (np.full((2, 3), 7), "constant .7 everywhere"),
    ],
    ids=["empty", "NaN", "infinity", "constant"],
)
def test_an_image_that_shows_nothing_is_refused(image, told):
    with pytest.raises(ImageError, match=f"The scan .*{told}"):
        check_gray_values(image, "The scan")


def test_an_image_that_shows_something_is_taken():
    check_gray_values(np.array([[0, 1]], np.uint8), "The scan")
