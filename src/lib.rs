//! lkvideo

pub mod frame;
pub mod session;
pub mod wire;
