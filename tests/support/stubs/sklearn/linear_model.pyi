from typing import Any, Self

from numpy.typing import ArrayLike, NDArray

class LogisticRegression:
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    def __init__(self, *, C: float = ..., max_iter: int = ...) -> None: ...
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = ...) -> Self: ...
