//! Two mirrors over a link and two disks that fail, from seeds; and single rules by themselves.

mod board;
mod frames;
mod rules;
mod seeds;
mod wires;
mod world;
