// SPDX-License-Identifier: Apache-2.0
//! Lines of candidates, as the far end's signalling brings them.
//!
//! A line that is of use is so in the form in which the stack gets it, too, and that form is final.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtc_data::core::parsers;

fuzz_target!(|line: &str| {
    if let Some(usable) = parsers::candidate(line) {
        assert!(!usable.contains(['\r', '\n']), "more than a line");
        assert_eq!(parsers::candidate(&usable).as_ref(), Some(&usable));
    }
});
