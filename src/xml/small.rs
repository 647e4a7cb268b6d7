//! A list that is short nearly always.

/// The first `N` values in place, all of them on the heap if there are more.
#[derive(Debug, Default)]
pub(super) struct Small<T, const N: usize> {
    inline: heapless::Vec<T, N>,
    spilled: Vec<T>,
}

impl<T: Copy, const N: usize> Small<T, N> {
    pub(super) fn new() -> Self {
        Self {
            inline: heapless::Vec::new(),
            spilled: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, value: T) {
        if !self.spilled.is_empty() {
            self.spilled.push(value);
        } else if self.inline.push(value).is_err() {
            self.spilled.extend_from_slice(&self.inline);
            self.spilled.push(value);
        }
    }

    /// Memory beyond its own size.
    pub(super) fn heap_bytes(&self) -> usize {
        self.spilled.capacity() * size_of::<T>()
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn as_slice(&self) -> &[T] {
        if self.spilled.is_empty() {
            &self.inline
        } else {
            &self.spilled
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.spilled.is_empty() {
            &mut self.inline
        } else {
            &mut self.spilled
        }
    }

    pub(super) fn pop_while(&mut self, condition: impl Fn(&T) -> bool) {
        while self.as_slice().last().is_some_and(&condition) {
            if self.spilled.pop().is_none() {
                self.inline.pop();
            } else if self.spilled.is_empty() {
                self.inline.clear();
            }
        }
    }
}
