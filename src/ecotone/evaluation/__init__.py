"""What models are worth: suites, measurements with intervals, comparisons, and the advice that rests on them."""
