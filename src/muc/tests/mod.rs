//! Rooms, driven through the rules of delivery.

mod enter;
mod speak;
mod town;
