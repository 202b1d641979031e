import json
import math

import pytest


@pytest.fixture
def check_evidence():
    """Evidence must be JSON, of finite numbers, and small."""

    def check(measurement):
        text = json.dumps(measurement.evidence, allow_nan=False)
        assert len(text) <= 10_000
        assert math.isfinite(measurement.raw)
        return json.loads(text)

    return check
