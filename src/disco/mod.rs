//! Service discovery, capabilities, version, time, ping and ad-hoc commands.
