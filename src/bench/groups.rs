//! Who hears whom: rooms, or pairs of users.

/// Clients spread evenly over groups, the first clients of each group being its senders. Client `n`
/// is in group `n % count`, so senders are the clients with the lowest numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    clients: usize,
    count: usize,
    senders_each: usize,
}

impl Groups {
    /// The caller sees to it that every group has as many clients as senders.
    pub fn new(clients: usize, count: usize, senders_each: usize) -> Self {
        assert!(
            senders_each >= 1 && senders_each * count <= clients,
            "{count} groups of {clients}"
        );
        Self { clients, count, senders_each }
    }

    /// How many of them send.
    pub fn senders(&self) -> usize {
        self.count * self.senders_each
    }

    /// The group of a client.
    pub fn of(&self, client: usize) -> usize {
        client % self.count
    }

    /// How many clients get a message of `sender`.
    pub fn audience(&self, sender: usize) -> u64 {
        ((self.clients - self.of(sender) - 1) / self.count + 1) as u64
    }

    /// Ways from a sender to a client, numbered.
    pub fn ways(&self) -> usize {
        self.clients * self.senders_each
    }

    /// The number of the way from `sender` to `client`, if there is one.
    pub fn way(&self, sender: usize, client: usize) -> Option<usize> {
        let joined = sender < self.senders() && self.of(sender) == self.of(client);
        joined.then(|| client * self.senders_each + sender / self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_spread_evenly() {
        let groups = Groups::new(10, 3, 2);
        let sizes: Vec<u64> = (0..3).map(|sender| groups.audience(sender)).collect();
        assert_eq!((sizes, groups.senders()), (vec![4, 3, 3], 6));
        for sender in 0..groups.senders() {
            let heard = (0..10).filter(|&client| groups.way(sender, client).is_some()).count();
            assert_eq!(heard as u64, groups.audience(sender));
        }
    }

    #[test]
    fn every_way_has_a_number_of_its_own() {
        let groups = Groups::new(10, 3, 2);
        let mut ways: Vec<usize> = (0..10)
            .flat_map(|sender| (0..10).filter_map(move |client| groups.way(sender, client)))
            .collect();
        let count = ways.len();
        ways.sort_unstable();
        ways.dedup();
        assert_eq!(ways.len(), count);
        assert!(ways.iter().all(|&way| way < groups.ways()));
    }
}
