"""What is known of models and of those who serve them. Facts as data, each row with its source."""
