"""Measures Ecotone beside a direct call, LiteLLM and Portkey: same core, same upstream, same run."""
