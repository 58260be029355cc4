//! lkvideo

pub mod frame;
pub mod wire;
