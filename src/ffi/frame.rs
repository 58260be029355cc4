// SPDX-License-Identifier: Apache-2.0
//! Frames in both directions: `lkv_frame`, which C holds a counted reference to, and `lkv_frame_desc`, which tells where
//! the pixels to send are.

use super::args::{self, c_structs, check, CStruct};
use super::gate::pass_free;
use super::guard::{guard, guard_or};
use super::status::{lkv_result, Failure, Outcome, LKV_ERROR_UNSUPPORTED};
use crate::frame::{pack, Frame, FrameInfo, FramePool, Layout, PixelFormat, SourcePlane, MAX_DIMENSION};
use bytes::Bytes;
use std::ffi::{c_char, c_void, CStr};
use std::sync::Arc;

/// How pixels are stored: LKV_PIXEL_*.
pub type lkv_pixel = i32;
/// Bytes R, G, B, A.
pub const LKV_PIXEL_RGBA: lkv_pixel = 0;
/// Bytes A, B, G, R.
pub const LKV_PIXEL_ABGR: lkv_pixel = 1;
/// Bytes A, R, G, B.
pub const LKV_PIXEL_ARGB: lkv_pixel = 2;
/// Bytes B, G, R, A.
pub const LKV_PIXEL_BGRA: lkv_pixel = 3;
/// Bytes R, G, B.
pub const LKV_PIXEL_RGB24: lkv_pixel = 4;
/// Planes Y, U, V; chroma halved both ways. Here and below, odd dimensions round chroma up.
pub const LKV_PIXEL_I420: lkv_pixel = 5;
/// I420 and a plane of alpha in full size.
pub const LKV_PIXEL_I420A: lkv_pixel = 6;
/// Planes Y, U, V; chroma halved across.
pub const LKV_PIXEL_I422: lkv_pixel = 7;
/// Planes Y, U, V, all in full size.
pub const LKV_PIXEL_I444: lkv_pixel = 8;
/// I420 with 10 bits in 16-bit little-endian samples.
pub const LKV_PIXEL_I010: lkv_pixel = 9;
/// Planes Y and interleaved U, V; chroma halved both ways.
pub const LKV_PIXEL_NV12: lkv_pixel = 10;

/// The most planes that any pixel type has.
pub const LKV_MAX_PLANES: usize = 4;
/// The greatest width and the greatest height of a frame, in pixels.
pub const LKV_MAX_DIMENSION: u32 = 16384;
/// `pts_us` of a frame whose presentation time is not known.
pub const LKV_NO_PTS: i64 = i64::MIN;

/// One picture: immutable and counted. Read it with lkv_frame_get_info.
pub struct lkv_frame {
    _opaque: [u8; 0],
}

/// One plane of a picture.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_plane {
    /// Its first row.
    pub data: *const u8,
    /// Bytes from row to row.
    pub stride: usize,
    /// Bytes of pixels in a row.
    pub row_bytes: u32,
    /// Number of rows.
    pub rows: u32,
}

const NO_PLANE: lkv_plane = lkv_plane { data: std::ptr::null(), stride: 0, row_bytes: 0, rows: 0 };

/// What a frame is and where its pixels are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_frame_info {
    /// Set by the caller: sizeof(lkv_frame_info).
    pub struct_size: u32,
    /// How the pixels are stored: LKV_PIXEL_*.
    pub r#type: lkv_pixel,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How many of `planes` are used.
    pub plane_count: u32,
    /// Frames of the same segment that were lost directly before this one.
    pub lost_before: u32,
    /// The segment it belongs to, from 1.
    pub segment: u64,
    /// Its number in the segment, from 0.
    pub number: u64,
    /// Presentation time in the segment, in microseconds; LKV_NO_PTS if the sender gave none, or its version of the wire
    /// does not carry it.
    pub pts_us: i64,
    /// All planes one after the other, rows tight; good as long as a reference to the frame is held.
    pub data: *const u8,
    /// Bytes of `data`.
    pub size: usize,
    /// The planes in `data`, in the order of the pixel type.
    pub planes: [lkv_plane; LKV_MAX_PLANES],
}

/// A frame to send: where its pixels are. Only `data` and `stride` of each plane are needed; `row_bytes` and `rows` may be 0,
/// else they must be enough.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_frame_desc {
    /// sizeof(lkv_frame_desc).
    pub struct_size: u32,
    /// How the pixels are stored: LKV_PIXEL_*.
    pub r#type: lkv_pixel,
    /// Width in pixels, 1 to LKV_MAX_DIMENSION.
    pub width: u32,
    /// Height in pixels, 1 to LKV_MAX_DIMENSION.
    pub height: u32,
    /// Planes of the pixel type.
    pub plane_count: u32,
    /// 0.
    pub reserved0: u32,
    /// Presentation time in the segment, in microseconds; LKV_NO_PTS, as by LKV_FRAME_DESC_INIT: none. 0 is a time.
    pub pts_us: i64,
    /// The planes, in the order of the pixel type.
    pub planes: [lkv_plane; LKV_MAX_PLANES],
}

c_structs!(lkv_frame_info, lkv_frame_desc);

const _: () = assert!(LKV_MAX_DIMENSION == MAX_DIMENSION);

/// Gives C a counted reference.
pub(super) fn give(frame: Frame) -> *const lkv_frame {
    Arc::into_raw(Arc::new(frame)).cast()
}

/// Takes a reference back from C.
pub(super) unsafe fn take_back(frame: *const lkv_frame) {
    if !frame.is_null() {
        // SAFETY: the pointer came from `give` or `lkv_frame_retain`, and C gives this reference up.
        drop(unsafe { Arc::from_raw(frame.cast::<Frame>()) });
    }
}

/// Tells what a frame is and where its pixels are.
///
/// \param info  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback; frames are immutable.
/// Ownership: the pixels stay the frame's.
/// Errors: LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_get_info(frame: *const lkv_frame, info: *mut lkv_frame_info) -> lkv_result {
    guard(|| {
        let frame: *const Frame = frame.cast();
        check(frame, "frame")?;
        // SAFETY: not NULL, and C holds a reference, says the caller.
        let frame = unsafe { &*frame };
        // SAFETY: `info` is NULL or valid, says the caller.
        unsafe { args::write(info, &describe(frame)) }
    })
}

fn describe(frame: &Frame) -> lkv_frame_info {
    let FrameInfo { format, width, height, pts_us, segment, number, lost_before } = *frame.info();
    let mut planes = [NO_PLANE; LKV_MAX_PLANES];
    let mut plane_count = 0;
    for (out, (plane, bytes)) in planes.iter_mut().zip(frame.planes()) {
        *out = lkv_plane {
            data: bytes.as_ptr(),
            stride: plane.row_bytes,
            row_bytes: plane.row_bytes as u32,
            rows: plane.rows as u32,
        };
        plane_count += 1;
    }
    lkv_frame_info {
        struct_size: size_of::<lkv_frame_info>() as u32,
        r#type: format.number() as lkv_pixel,
        width,
        height,
        plane_count,
        lost_before,
        segment,
        number,
        pts_us: pts_us.unwrap_or(LKV_NO_PTS),
        data: frame.data().as_ptr(),
        size: frame.data().len(),
        planes,
    }
}

/// Keeps a frame: adds a reference, to be released with lkv_frame_release. Keeping many frames costs memory, never network:
/// the receiver's queue is bounded without them.
///
/// \return `frame`; NULL for NULL
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: the caller owns the added reference.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_retain(frame: *const lkv_frame) -> *const lkv_frame {
    if !frame.is_null() {
        // SAFETY: C holds a reference to what `give` made, says the caller.
        unsafe { Arc::increment_strong_count(frame.cast::<Frame>()) };
    }
    frame
}

/// Drops a reference; the last one frees the frame. NULL is no frame and no error.
///
/// Thread safety: any thread, any callback, also when the room is gone. Ownership: takes the reference. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_release(frame: *const lkv_frame) {
    // SAFETY: C gives up a reference it holds, says the caller.
    guard_or((), || unsafe { take_back(frame) });
}

/// How many bytes a tightly packed frame has.
///
/// \param type  LKV_PIXEL_*
/// \param size  out
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_UNSUPPORTED for an unknown type, LKV_ERROR_INVALID_ARGUMENT for dimensions out of range.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_size(r#type: lkv_pixel, width: u32, height: u32, size: *mut usize) -> lkv_result {
    guard(|| {
        check(size, "size")?;
        let layout = pixel(r#type)?.layout(width, height)?;
        // SAFETY: not NULL, and writable, says the caller.
        unsafe { args::put(size, layout.size()) };
        Ok(())
    })
}

/// The name of a pixel type, as in "rgba" or "i420"; NULL if it is unknown.
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_pixel_name(r#type: lkv_pixel) -> *const c_char {
    let known = PIXELS.iter().find(|(number, ..)| *number == r#type);
    known.map_or(std::ptr::null(), |(.., name)| name.as_ptr())
}

const PIXELS: [(lkv_pixel, PixelFormat, &CStr); 11] = [
    (LKV_PIXEL_RGBA, PixelFormat::Rgba, c"rgba"),
    (LKV_PIXEL_ABGR, PixelFormat::Abgr, c"abgr"),
    (LKV_PIXEL_ARGB, PixelFormat::Argb, c"argb"),
    (LKV_PIXEL_BGRA, PixelFormat::Bgra, c"bgra"),
    (LKV_PIXEL_RGB24, PixelFormat::Rgb24, c"rgb24"),
    (LKV_PIXEL_I420, PixelFormat::I420, c"i420"),
    (LKV_PIXEL_I420A, PixelFormat::I420A, c"i420a"),
    (LKV_PIXEL_I422, PixelFormat::I422, c"i422"),
    (LKV_PIXEL_I444, PixelFormat::I444, c"i444"),
    (LKV_PIXEL_I010, PixelFormat::I010, c"i010"),
    (LKV_PIXEL_NV12, PixelFormat::Nv12, c"nv12"),
];

fn pixel(number: lkv_pixel) -> Outcome<PixelFormat> {
    let known = PIXELS.iter().find(|(known, ..)| *known == number);
    let unknown = || Failure::new(LKV_ERROR_UNSUPPORTED, format!("unknown pixel type {number}"));
    known.map(|(_, format, _)| *format).ok_or_else(unknown)
}

/// Fills the description with its defaults: 0, and LKV_NO_PTS. `size` is sizeof(lkv_frame_desc).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_desc_init(desc: *mut lkv_frame_desc, size: usize) -> lkv_result {
    guard(|| {
        // SAFETY: `desc` has `size` bytes, says the caller.
        unsafe { args::init(desc, size) }?;
        // SAFETY: as above; initialised just now.
        unsafe { args::write(desc, &lkv_frame_desc { pts_us: LKV_NO_PTS, ..lkv_frame_desc::empty() }) }
    })
}

/// Describes a frame whose planes lie one after the other with tight rows: lkv_frame_size bytes at `data`. It leaves
/// `pts_us` as it is.
///
/// \param desc  in and out: with `struct_size` set, as by LKV_FRAME_DESC_INIT
/// \param type  LKV_PIXEL_*
///
/// Thread safety: any thread, any callback.
/// Ownership: the description points to `data`, which stays the caller's.
/// Errors: LKV_ERROR_UNSUPPORTED for an unknown type, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_frame_desc_packed(
    desc: *mut lkv_frame_desc,
    r#type: lkv_pixel,
    width: u32,
    height: u32,
    data: *const u8,
) -> lkv_result {
    guard(|| {
        // SAFETY: `desc` is NULL or valid, says the caller.
        let mut filled = unsafe { args::read(desc) }?;
        // SAFETY: as above; the planes at its end must be there to be written.
        unsafe { args::whole_struct(desc) }?;
        check(data, "data")?;
        let layout = pixel(r#type)?.layout(width, height)?;
        (filled.r#type, filled.width, filled.height) = (r#type, width, height);
        filled.plane_count = layout.planes().len() as u32;
        filled.planes = [NO_PLANE; LKV_MAX_PLANES];
        for (out, plane) in filled.planes.iter_mut().zip(layout.planes()) {
            *out = lkv_plane {
                data: data.wrapping_add(plane.offset),
                stride: plane.row_bytes,
                row_bytes: plane.row_bytes as u32,
                rows: plane.rows as u32,
            };
        }
        // SAFETY: read and found whole above.
        unsafe { args::write(desc, &filled) }
    })
}

/// A checked description of a frame to send. Its pixels are C's.
pub(super) struct Picture {
    info: FrameInfo,
    layout: Layout,
    planes: [lkv_plane; LKV_MAX_PLANES],
}

impl Picture {
    pub unsafe fn read(desc: *const lkv_frame_desc) -> Outcome<Self> {
        // SAFETY: `desc` is NULL or valid, says the caller.
        let desc = unsafe { args::read(desc) }?;
        let format = pixel(desc.r#type)?;
        let layout = format.layout(desc.width, desc.height)?;
        if desc.plane_count as usize != layout.planes().len() {
            let expected = layout.planes().len();
            return Err(Failure::invalid(format!("{} planes where {format} has {expected}", desc.plane_count)));
        }
        for (plane, given) in layout.planes().iter().zip(&desc.planes) {
            let name = plane.name;
            check(given.data, format_args!("plane {name}"))?;
            let fits = |given: u32, needed: usize| given == 0 || given as usize >= needed;
            if !fits(given.row_bytes, plane.row_bytes) || !fits(given.rows, plane.rows) {
                let (row_bytes, rows) = (plane.row_bytes, plane.rows);
                return Err(Failure::invalid(format!("plane {name} needs {rows} rows of {row_bytes} bytes")));
            }
            if given.stride < plane.row_bytes || given.stride > isize::MAX as usize / plane.rows {
                return Err(Failure::invalid(format!("plane {name}: stride {}", given.stride)));
            }
        }
        let pts_us = (desc.pts_us != LKV_NO_PTS).then_some(desc.pts_us);
        let info = FrameInfo { pts_us, ..FrameInfo::new(format, desc.width, desc.height) };
        Ok(Self { info, layout, planes: desc.planes })
    }

    /// Copies the pixels.
    pub unsafe fn copy(&self, pool: &FramePool) -> Outcome<Frame> {
        let mut sources = [SourcePlane { data: &[], stride: 0 }; LKV_MAX_PLANES];
        for ((source, plane), given) in sources.iter_mut().zip(self.layout.planes()).zip(&self.planes) {
            let size = given.stride * (plane.rows - 1) + plane.row_bytes;
            // SAFETY: each plane has that many rows at that distance, says the caller; `read` checked NULL and overflow.
            *source =
                SourcePlane { data: unsafe { std::slice::from_raw_parts(given.data, size) }, stride: given.stride };
        }
        let FrameInfo { format, width, height, .. } = self.info;
        let packed = pack(format, width, height, &sources[..self.layout.planes().len()], pool)?;
        Ok(Frame::new(self.info, packed.freeze())?)
    }

    /// Lends the pixels until `release` runs; copies them if rows or planes are not one tight block.
    pub unsafe fn lend(&self, release: Release, pool: &FramePool) -> Outcome<Frame> {
        let start = self.planes[0].data;
        let tight =
            self.layout.planes().iter().zip(&self.planes).all(|(plane, given)| {
                given.stride == plane.row_bytes && given.data == start.wrapping_add(plane.offset)
            });
        if !tight {
            // SAFETY: as the caller says; `release` runs after the copy.
            return unsafe { self.copy(pool) };
        }
        let pixels = Lent { start, size: self.layout.size(), _release: release };
        Ok(Frame::new(self.info, Bytes::from_owner(pixels))?)
    }
}

/// Runs C's release function when it is dropped: once, on every path.
pub(super) struct Release {
    function: unsafe extern "C" fn(user_data: *mut c_void),
    user_data: *mut c_void,
}

// SAFETY: the header says that the release function runs on any thread.
unsafe impl Send for Release {}

impl Release {
    pub fn new(function: unsafe extern "C" fn(user_data: *mut c_void), user_data: *mut c_void) -> Self {
        Self { function, user_data }
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        // SAFETY: the function and its argument belong together, says the caller; this is its only call.
        pass_free(|| unsafe { (self.function)(self.user_data) });
    }
}

/// Pixels of C, good until `_release` is dropped.
struct Lent {
    start: *const u8,
    size: usize,
    _release: Release,
}

// SAFETY: C lends the pixels to any thread and changes nothing until the release function has run.
unsafe impl Send for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `size` bytes from `start` are C's promise for all planes, tight and in order.
        unsafe { std::slice::from_raw_parts(self.start, self.size) }
    }
}
