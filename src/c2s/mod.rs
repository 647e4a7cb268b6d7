//! One client's stream, sans-IO: negotiation, authentication, framing; it knows no feature.
