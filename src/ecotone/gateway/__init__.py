"""One request's life: authenticate, choose, attempt, record. The only orchestrator."""
