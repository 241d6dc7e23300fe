//! Giving memory back to the system after a crowd.
//!
//! What thousands of connections took is free again when they are gone, but lies between small things that are still in
//! use; and there the C library keeps it, some 100 MB of it, for a next crowd that may never come. It has to be asked
//! to give back the pages in between.

#![expect(unsafe_code, reason = "neither the standard library nor nix offers `malloc_trim`")]

/// A crowd is at least so many connections: fewer leave nothing that is worth the search.
const CROWD: usize = 64;

/// How many connections there have been since memory was last given back.
#[derive(Debug, Default)]
pub(super) struct Memory {
    most: usize,
}

impl Memory {
    /// Told how many connections are open and how many there were since it was last asked, says whether a crowd has
    /// left.
    pub(super) fn is_left_by(&mut self, open: usize, most: usize) -> bool {
        self.most = self.most.max(most);
        let left = self.most >= CROWD && open <= self.most / 4;
        if left {
            self.most = open;
        }
        left
    }
}

/// Gives back what is not in use. It takes some milliseconds for a hundred megabytes, and threads that allocate
/// may have to wait for a part of that.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_leaves_once() {
        let mut memory = Memory::default();
        let left: Vec<_> =
            [10, 0, 400, 300, 101, 100, 100, 0, 80, 20, 0].iter().map(|&open| memory.is_left_by(open, open)).collect();
        assert_eq!(left, [false, false, false, false, false, true, false, true, false, true, false]);
        assert!(memory.is_left_by(0, 200), "one that nobody looked at while it was there");
    }
}
