//! Two mirrors over a link and two disks that fail, from seeds; and single rules by themselves.

mod away;
mod board;
mod end;
mod frames;
mod pace;
mod play;
mod rules;
mod seeds;
mod wires;
mod world;
