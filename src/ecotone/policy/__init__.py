"""May this go there: detectors, labels, rules, redaction. Pure: nothing here opens a file, a socket or a clock."""
