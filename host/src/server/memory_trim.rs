//! Giving memory back to the system after a crowd.
//!
//! What thousands of connections took is free again when they are gone, but lies between small things that are still in
//! use; and there the C library keeps it, some 100 MB of it, for a next crowd that may never come. It has to be asked
//! to give back the pages in between.

/// Number of connections that make a crowd: fewer leave nothing that is worth the search.
const CROWD: usize = 64;

/// Most connections that there have been since memory was last given back.
#[derive(Debug, Default)]
pub(super) struct PeakConnections(usize);

impl PeakConnections {
    /// Return true once when a crowd has left, from the number of connections that are open and the most that there
    /// were since the last call.
    pub(super) fn has_left(&mut self, open: usize, most: usize) -> bool {
        self.0 = self.0.max(most);
        let left = self.0 >= CROWD && open <= self.0 / 4;
        if left {
            self.0 = open;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_leaves_once() {
        let mut peak = PeakConnections::default();
        let left: Vec<_> =
            [10, 0, 400, 300, 101, 100, 100, 0, 80, 20, 0].iter().map(|&open| peak.has_left(open, open)).collect();
        assert_eq!(left, [false, false, false, false, false, true, false, true, false, true, false]);
        assert!(peak.has_left(0, 200), "one that nobody looked at while it was there");
    }
}
