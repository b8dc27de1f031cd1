//! Votes come in, certificates and evidence come out. Pure.
//!
//! Signatures under one statement are added up unchecked and checked once, as the certificate; only if that fails is each vote
//! checked, and the bad ones thrown out. Evidence is made of checked votes alone. What is kept is bounded: a window of heights, and
//! for each height and member a few statements.

use std::collections::BTreeMap;

use caldera_bls::{Signature, aggregate};
use caldera_types::{Certificate, Committee, Evidence, Statement, Vote};

use crate::signed::{SignatureFault, check_certificate, check_vote};

/// Heights for which votes are kept above and below the newest certificate.
const WINDOW: u64 = 1_024;
/// Statements of one member kept for one height: two prove that it lies.
const STATEMENTS: usize = 2;

/// What came of a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A quorum said the same.
    Certificate(Certificate),
    /// A member lied.
    Evidence(Box<Evidence>),
    /// The vote, or one before it, counts for nothing.
    Refused(u16, SignatureFault),
}

/// The votes of one committee that are not certificates yet.
#[derive(Clone, Debug)]
pub struct Tally {
    chain_id: u64,
    committee: Committee,
    /// By height and member: votes in the order in which they came.
    votes: BTreeMap<u64, BTreeMap<u16, Vec<Counted>>>,
    certificates: BTreeMap<u64, Certificate>,
    newest: u64,
    accused: BTreeMap<u16, u64>,
}

#[derive(Clone, Debug)]
struct Counted {
    vote: Vote,
    is_checked: bool,
}

impl Tally {
    /// A tally from the height of the newest certificate on.
    pub fn new(chain_id: u64, committee: Committee, newest: u64) -> Self {
        let (votes, certificates, accused) = Default::default();
        Self { chain_id, committee, votes, certificates, newest, accused }
    }

    /// Height of the newest certificate.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The newest certificates, by height.
    pub fn certificate(&self, height: u64) -> Option<&Certificate> {
        self.certificates.get(&height)
    }

    /// Takes a vote in.
    pub fn vote(&mut self, vote: Vote) -> Vec<Found> {
        let (height, member) = (vote.statement.height, vote.member);
        let form = self.committee.must_be_of(&vote.statement).and_then(|()| self.committee.member(member).map(drop));
        if let Err(why) = form {
            return vec![Found::Refused(member, why.into())];
        }
        let is_near = (self.newest.saturating_sub(WINDOW)..=self.newest.saturating_add(WINDOW)).contains(&height);
        if vote.statement.chain_id != self.chain_id || !is_near {
            return Vec::new();
        }
        if self.of(height, member).iter().any(|counted| counted.vote == vote) {
            return Vec::new();
        }
        // Nobody keeps a member's vote out by sending others in its name.
        let is_full = self.of(height, member).len() >= STATEMENTS;
        let mut found = if is_full { self.check_all(height, member) } else { Vec::new() };
        let of_member = self.votes.entry(height).or_default().entry(member).or_default();
        if of_member.len() >= STATEMENTS {
            return found;
        }
        of_member.push(Counted { vote, is_checked: false });
        found.extend(self.accuse(height, member));
        found.extend(self.add_up(height));
        found
    }

    /// Takes a certificate that somebody else made.
    pub fn certificate_of_others(&mut self, certificate: Certificate) -> Result<Vec<Found>, SignatureFault> {
        let height = certificate.statement.height;
        if certificate.statement.chain_id != self.chain_id || self.certificates.contains_key(&height) {
            return Ok(Vec::new());
        }
        check_certificate(&self.committee, &certificate)?;
        Ok(self.accept(certificate))
    }

    /// Whether the votes for one height that a member cast contradict each other.
    fn accuse(&mut self, height: u64, member: u16) -> Vec<Found> {
        let statements: Vec<_> = self.of(height, member).iter().map(|counted| counted.vote.statement).collect();
        let contradict = statements.iter().skip(1).any(|other| other.contradicts(&statements[0]));
        if !contradict && !self.is_against(height, &statements) {
            return Vec::new();
        }
        // Who sends bad signatures in another's name accuses nobody.
        let mut found = self.check_all(height, member);
        let votes: Vec<_> = self.of(height, member).iter().map(|counted| counted.vote).collect();
        let evidence = match votes[..] {
            [one, other, ..] => Evidence::equivocation(one, other).ok(),
            _ => None,
        };
        let against = || {
            let certificate = self.certificates.get(&height)?;
            let vote = votes.iter().find(|vote| vote.statement.contradicts(&certificate.statement))?;
            Evidence::wrong_root(*vote, certificate.clone()).ok()
        };
        if let Some(evidence) = evidence.or_else(against) {
            // Once for a height: what more it signs there proves nothing more.
            if self.accused.insert(member, height) != Some(height) {
                found.push(Found::Evidence(Box::new(evidence)));
            }
        }
        found
    }

    fn is_against(&self, height: u64, statements: &[Statement]) -> bool {
        let certificate = self.certificates.get(&height);
        certificate.is_some_and(|certificate| statements.iter().any(|one| one.contradicts(&certificate.statement)))
    }

    fn of(&self, height: u64, member: u16) -> &[Counted] {
        self.votes.get(&height).and_then(|votes| votes.get(&member)).map_or(&[], Vec::as_slice)
    }

    /// Checks the votes of a member for a height, and forgets those that are not its own.
    fn check_all(&mut self, height: u64, member: u16) -> Vec<Found> {
        let Some(votes) = self.votes.get_mut(&height).and_then(|votes| votes.get_mut(&member)) else {
            return Vec::new();
        };
        let mut refused = Vec::new();
        votes.retain_mut(|counted| {
            if !counted.is_checked {
                match check_vote(&self.committee, &counted.vote) {
                    Ok(()) => counted.is_checked = true,
                    Err(why) => refused.push(Found::Refused(member, why)),
                }
            }
            counted.is_checked
        });
        refused
    }

    /// Makes a certificate for a height, if there is a quorum for one statement.
    fn add_up(&mut self, height: u64) -> Vec<Found> {
        let mut found = Vec::new();
        while !self.certificates.contains_key(&height) {
            let Some((statement, votes)) = self.quorum(height) else { break };
            match self.certify(statement, &votes) {
                Some(certificate) => found.extend(self.accept(certificate)),
                None => {
                    let refused: Vec<_> = votes.iter().flat_map(|vote| self.check_all(height, vote.member)).collect();
                    if refused.is_empty() {
                        break;
                    }
                    found.extend(refused);
                }
            }
        }
        found
    }

    /// The votes for one statement that are a quorum, if there are.
    fn quorum(&self, height: u64) -> Option<(Statement, Vec<Vote>)> {
        let mut by_statement: BTreeMap<Statement, Vec<Vote>> = BTreeMap::new();
        for counted in self.votes.get(&height)?.values().flatten() {
            by_statement.entry(counted.vote.statement).or_default().push(counted.vote);
        }
        by_statement.into_iter().find_map(|(statement, mut votes)| {
            // A member whose vote came with two signatures counts once; the checks below find out which is its own.
            votes.dedup_by_key(|vote| vote.member);
            let weight = |vote: &Vote| self.committee.member(vote.member).map_or(0, |member| u128::from(member.weight));
            self.committee.is_quorum(votes.iter().map(weight).sum()).then_some((statement, votes))
        })
    }

    fn certify(&self, statement: Statement, votes: &[Vote]) -> Option<Certificate> {
        let read = |vote: &Vote| Signature::from_bytes(vote.signature.as_slice()).ok();
        let signatures = votes.iter().map(read).collect::<Option<Vec<_>>>()?;
        let signers: Vec<_> = votes.iter().map(|vote| vote.member).collect();
        let signature = aggregate(&signatures).ok()?.to_bytes().into();
        let certificate = Certificate::new(statement, &self.committee, &signers, signature).ok()?;
        check_certificate(&self.committee, &certificate).ok().map(|()| certificate)
    }

    /// Keeps a certificate, and looks who voted against it.
    fn accept(&mut self, certificate: Certificate) -> Vec<Found> {
        let height = certificate.statement.height;
        self.newest = self.newest.max(height);
        self.certificates.insert(height, certificate.clone());
        let floor = self.newest.saturating_sub(WINDOW);
        self.certificates = self.certificates.split_off(&floor);
        self.votes = self.votes.split_off(&floor);
        let members: Vec<_> = self.votes.get(&height).map(|votes| votes.keys().copied().collect()).unwrap_or_default();
        let mut found = vec![Found::Certificate(certificate)];
        found.extend(members.into_iter().flat_map(|member| self.accuse(height, member)));
        found
    }
}
