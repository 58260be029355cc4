// SPDX-License-Identifier: Apache-2.0
//! What comes from C is checked here: NULL, alignment, UTF-8, sizes of extensible structs, ranges.
//!
//! Pointers enter, Rust values or a [`Failure`] leave. A struct that C passes starts with `struct_size`, its size in the
//! header the caller was compiled with: a shorter one is extended with zeros, a longer one taken if what we do not know is
//! zero. A struct that C receives gets as many bytes as it has.

use super::status::{Failure, Outcome, LKV_ERROR_BUFFER_TOO_SMALL};
use std::ffi::{c_char, CStr};
use std::fmt::Display;
use std::mem::size_of;

/// No struct of ours comes near; a size above is a struct that was never initialised.
const MAX_STRUCT_SIZE: usize = 4096;

/// A `#[repr(C)]` struct of the header whose size is part of it.
///
/// # Safety
/// The first field is `struct_size: u32`, and zero bytes are a valid value of all others. [`c_structs`] checks the former.
pub(super) unsafe trait CStruct: Copy {
    const NAME: &'static str;

    /// All fields zero but the size.
    fn empty() -> Self {
        // SAFETY: zero bytes are valid, says the trait.
        let mut value: Self = unsafe { std::mem::zeroed() };
        // SAFETY: the first field is the size.
        unsafe { (&raw mut value).cast::<u32>().write(size_of::<Self>() as u32) };
        value
    }
}

/// Declares extensible structs: integers, raw pointers, C function pointers and arrays of such structs only.
macro_rules! c_structs {
    ($($name:ident),+ $(,)?) => {$(
        const _: () = assert!(std::mem::offset_of!($name, struct_size) == 0);
        // SAFETY: checked above; the fields are of the kinds that the macro is documented for.
        unsafe impl $crate::ffi::args::CStruct for $name {
            const NAME: &'static str = stringify!($name);
        }
    )+};
}
pub(super) use c_structs;

/// Refuses NULL and misaligned pointers.
pub(super) fn check<T>(pointer: *const T, what: impl Display) -> Outcome {
    if pointer.is_null() {
        return Err(Failure::invalid(format!("{what} is NULL")));
    }
    if !pointer.is_aligned() {
        return Err(Failure::invalid(format!("{what} is not aligned")));
    }
    Ok(())
}

/// A NUL-terminated string. It is borrowed from C: for the time of the call only.
pub(super) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Outcome<&'a str> {
    check(pointer, what)?;
    // SAFETY: not NULL, and NUL-terminated, says the caller.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map_err(|_| Failure::invalid(format!("{what} is not UTF-8")))
}

/// A NUL-terminated string, or NULL.
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Outcome<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    unsafe { text(pointer, what) }.map(Some)
}

/// Bytes; NULL is as good as any pointer if there are none.
pub(super) unsafe fn bytes<'a>(pointer: *const u8, size: usize, what: &str) -> Outcome<&'a [u8]> {
    if size == 0 {
        return Ok(&[]);
    }
    check(pointer, what)?;
    if isize::try_from(size).is_err() {
        return Err(Failure::invalid(format!("{what} of {size} bytes")));
    }
    // SAFETY: not NULL, and `size` bytes long, says the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer, size) })
}

/// A struct from C.
pub(super) unsafe fn read<T: CStruct>(pointer: *const T) -> Outcome<T> {
    // SAFETY: as the caller says.
    let given = unsafe { struct_size(pointer) }?;
    let mut value = T::empty();
    let known = given.min(size_of::<T>());
    // SAFETY: `given` bytes are readable, says the struct; `value` has at least `known`.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known) };
    // SAFETY: bytes `known..given` are within the caller's struct.
    let unknown = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), given - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        return Err(Failure::invalid(format!("{} uses fields that this version does not know", T::NAME)));
    }
    Ok(value)
}

/// A struct from C, or NULL.
pub(super) unsafe fn read_optional<T: CStruct>(pointer: *const T) -> Outcome<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    unsafe { read(pointer) }.map(Some)
}

/// The size that a struct of C says it has.
pub(super) unsafe fn struct_size<T: CStruct>(pointer: *const T) -> Outcome<usize> {
    check(pointer, T::NAME)?;
    // SAFETY: not NULL; every such struct starts with its size.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if !(size_of::<u32>()..=MAX_STRUCT_SIZE).contains(&size) {
        return Err(Failure::invalid(format!("struct_size {size} of {}: set it to sizeof({0})", T::NAME)));
    }
    Ok(size)
}

/// Like [`struct_size`], for a struct that must hold every field because it owns what they point to.
pub(super) unsafe fn whole_struct<T: CStruct>(pointer: *const T) -> Outcome {
    // SAFETY: as the caller says.
    unsafe { owning_struct(pointer, size_of::<T>()) }
}

/// Like [`whole_struct`], where the fields that own something lie in the first `least` bytes.
pub(super) unsafe fn owning_struct<T: CStruct>(pointer: *const T, least: usize) -> Outcome {
    // SAFETY: as the caller says.
    let size = unsafe { struct_size(pointer) }?;
    if size < least {
        return Err(Failure::invalid(format!("struct_size {size} of {} is less than {least}", T::NAME)));
    }
    Ok(())
}

/// Fills a struct of C, as much of it as there is; its `struct_size` stays.
pub(super) unsafe fn write<T: CStruct>(pointer: *mut T, value: &T) -> Outcome {
    // SAFETY: as the caller says.
    let size = unsafe { struct_size(pointer) }?.min(size_of::<T>());
    let head = size_of::<u32>();
    let from = std::ptr::from_ref(value).cast::<u8>();
    // SAFETY: `size` bytes are writable, says the struct, and `value` has as many.
    unsafe { std::ptr::copy_nonoverlapping(from.add(head), pointer.cast::<u8>().add(head), size - head) };
    Ok(())
}

/// What the `*_init` functions do: zeros and the size.
pub(super) unsafe fn init<T: CStruct>(pointer: *mut T, size: usize) -> Outcome {
    check(pointer, T::NAME)?;
    if !(size_of::<u32>()..=MAX_STRUCT_SIZE).contains(&size) {
        return Err(Failure::invalid(format!("size {size} of {}: pass sizeof({0})", T::NAME)));
    }
    // SAFETY: `size` bytes are writable, says the caller.
    unsafe { pointer.cast::<u8>().write_bytes(0, size) };
    // SAFETY: as above; the first field is the size.
    unsafe { pointer.cast::<u32>().write(size as u32) };
    Ok(())
}

/// Writes an output that may be left out.
pub(super) unsafe fn put<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: not NULL, so it is writable, says the caller.
        unsafe { pointer.write(value) };
    }
}

/// Copies text into a buffer of C. If it does not fit, only `*needed` is written.
pub(super) unsafe fn copy_out(text: &str, buf: *mut c_char, cap: usize, needed: *mut usize) -> Outcome {
    // SAFETY: `needed` is NULL or valid, says the caller.
    unsafe { put(needed, text.len() + 1) };
    if cap <= text.len() {
        return Err(Failure::new(
            LKV_ERROR_BUFFER_TOO_SMALL,
            format!("{} bytes where {} are needed", cap, text.len() + 1),
        ));
    }
    // SAFETY: `buf` has `cap` bytes, says the caller.
    unsafe { copy_out_cut(text, buf, cap, needed) }
}

/// Copies text into a buffer of C; what does not fit is cut at a character.
pub(super) unsafe fn copy_out_cut(text: &str, buf: *mut c_char, cap: usize, needed: *mut usize) -> Outcome {
    if cap > 0 {
        check(buf, "buf")?;
    }
    // SAFETY: `needed` is NULL or valid, says the caller.
    unsafe { put(needed, text.len() + 1) };
    let mut end = text.len().min(cap.saturating_sub(1));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if cap > 0 {
        // SAFETY: `end + 1` is at most `cap`, the bytes that `buf` has.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast::<u8>(), end);
            buf.add(end).write(0);
        }
    }
    if cap <= text.len() {
        return Err(Failure::new(LKV_ERROR_BUFFER_TOO_SMALL, "the buffer is too small"));
    }
    Ok(())
}
