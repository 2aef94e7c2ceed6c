"""What models there are: in the config, in the catalog, in the store, and how those of a running gateway are."""
