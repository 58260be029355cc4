//! lkvideo

pub mod frame;
