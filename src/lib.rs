//! lkvideo
