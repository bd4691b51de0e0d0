//! The order in which slots were last touched; every operation takes constant time.

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
}

/// A doubly linked list through slots that are numbered by somebody else.
#[derive(Debug)]
pub(super) struct Recency {
    links: Vec<Link>,
    oldest: u32,
    newest: u32,
}

impl Recency {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), oldest: NONE, newest: NONE }
    }

    /// Puts a slot that is not listed at the newest end.
    pub(super) fn insert(&mut self, slot: usize) {
        if slot >= self.links.len() {
            self.links.resize(slot + 1, Link { older: NONE, newer: NONE });
        }
        let newest = self.newest;
        let slot = u32::try_from(slot).expect("fewer conversations than fit in memory");
        self.links[slot as usize] = Link { older: newest, newer: NONE };
        match newest {
            NONE => self.oldest = slot,
            _ => self.links[newest as usize].newer = slot,
        }
        self.newest = slot;
    }

    /// Takes a listed slot out.
    pub(super) fn remove(&mut self, slot: usize) {
        let Link { older, newer } = self.links[slot];
        match older {
            NONE => self.oldest = newer,
            _ => self.links[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            _ => self.links[newer as usize].older = older,
        }
    }

    /// Moves a listed slot to the newest end.
    pub(super) fn touch(&mut self, slot: usize) {
        if self.newest as usize != slot {
            self.remove(slot);
            self.insert(slot);
        }
    }

    /// The slot that was not touched for the longest time.
    pub(super) fn oldest(&self) -> Option<usize> {
        (self.oldest != NONE).then_some(self.oldest as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mut recency: Recency) -> Vec<usize> {
        std::iter::from_fn(|| recency.oldest().inspect(|&slot| recency.remove(slot))).collect()
    }

    #[test]
    fn slots_come_out_in_the_order_of_their_last_touch() {
        let mut recency = Recency::new();
        for slot in 0..5 {
            recency.insert(slot);
        }
        recency.touch(0);
        recency.touch(3);
        recency.touch(3);
        recency.remove(2);
        assert_eq!(drain(recency), [1, 4, 0, 3]);
    }

    #[test]
    fn an_emptied_list_can_be_filled_again() {
        let mut recency = Recency::new();
        recency.insert(1);
        recency.remove(1);
        assert_eq!(recency.oldest(), None);
        recency.insert(0);
        recency.insert(1);
        assert_eq!(drain(recency), [0, 1]);
    }
}
