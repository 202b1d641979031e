"""What every other room speaks: views, requests, answers, measurements, results, errors."""
