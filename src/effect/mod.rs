//! How behaviour talks to the world without touching it: views in, proposals and sends out.
