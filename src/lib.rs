//! lkvideo

pub mod driver;
mod ffi;
pub mod frame;
pub mod session;
pub mod wire;
