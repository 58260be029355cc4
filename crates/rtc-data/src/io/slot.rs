// SPDX-License-Identifier: Apache-2.0
//! A place for one callback that may be replaced, even by itself, while it runs.

use parking_lot::Mutex;

/// The callback, and how often it was set: one that was replaced while it ran is not put back.
pub(crate) struct Slot<F>(Mutex<(u64, Option<F>)>);

impl<F> Default for Slot<F> {
    fn default() -> Self {
        Self(Mutex::new((0, None)))
    }
}

impl<F> Slot<F> {
    pub(crate) fn set(&self, f: Option<F>) {
        let old = {
            let mut slot = self.0.lock();
            slot.0 += 1;
            std::mem::replace(&mut slot.1, f)
        };
        drop(old); // outside the lock: dropping a closure may run anything
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.lock().1.is_some()
    }

    /// Runs the callback, if there is one, with no lock held. Only the connection's thread calls this.
    pub(crate) fn call(&self, run: impl FnOnce(&mut F)) {
        let (generation, f) = {
            let mut slot = self.0.lock();
            (slot.0, slot.1.take())
        };
        let Some(mut f) = f else { return };
        run(&mut f);
        let mut slot = self.0.lock();
        if slot.0 == generation {
            slot.1 = Some(f);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_callback_may_replace_itself() {
        type Callback = Box<dyn FnMut() -> u32 + Send>;
        let slot = Arc::new(Slot::<Callback>::default());
        let inner = slot.clone();
        slot.set(Some(Box::new(move || {
            inner.set(Some(Box::new(|| 2)));
            1
        })));
        let mut seen = Vec::new();
        slot.call(|f| seen.push(f()));
        slot.call(|f| seen.push(f()));
        slot.set(None);
        slot.call(|f| seen.push(f()));
        assert_eq!(seen, [1, 2]);
    }
}
