// SPDX-License-Identifier: Apache-2.0
//! Functions that panic inside, for the tests of the panic guard; not in the header, and in no library that is shipped.

use super::guard::guard;
use super::handle;
use super::room::lkv_room;
use super::status::lkv_result;

/// Panics half-way through a call on a room, and so poisons it.
#[no_mangle]
pub unsafe extern "C" fn lkv_test_panic(room: *mut lkv_room) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let _room = unsafe { handle::enter(room) }?;
        panic!("on purpose");
    })
}
