//! What a certificate costs, by the size of the committee: a vote, a quorum of votes, and the check that anybody makes.

#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has failed")]

use alloy_primitives::{Address, B256, keccak256};
use caldera_bench::{Report, Samples};
use caldera_bls::{Domain, SecretKey, Signature, aggregate};
use caldera_types::{Certificate, Committee, Finality, Statement, Vote};
use caldera_validation::{Found, Registration, Tally, check_certificate, check_vote, committee_of};

/// Samples of a row.
const SAMPLES: usize = 200;

fn main() -> std::io::Result<()> {
    let mut report = Report::new("weave");
    for members in [4, 32, 125] {
        certificates(&mut report, members);
    }
    report.finish()
}

fn certificates(report: &mut Report, members: usize) {
    let keys: Vec<_> = (0..members).map(|n| SecretKey::from_entropy(&keccak256(n.to_be_bytes()).0)).collect();
    let registered: Vec<_> = keys.iter().map(|key| Registration::of(key, 1, Address::ZERO)).collect();
    let committee = committee_of(0, &registered).unwrap();
    let statement = statement(&committee);
    let message = statement.encode();
    let sign = |key: &SecretKey| key.sign(Domain::Certificate, &message);
    let signatures: Vec<_> = keys.iter().map(sign).collect();
    let votes: Vec<_> = (0..).zip(&signatures).map(|(member, signature)| vote(statement, member, signature)).collect();
    let mut row = |name: &str, samples| report.row(&format!("{members} members: {name}"), samples);
    row(
        "registration with proofs of possession",
        Samples::time(SAMPLES / 20, 1, || committee_of(0, &registered).unwrap()),
    );
    row("one vote", Samples::time(SAMPLES, 1, || sign(&keys[0])));
    row("check of one vote", Samples::time(SAMPLES, 1, || check_vote(&committee, &votes[0]).unwrap()));
    row("sum of all signatures", Samples::time(SAMPLES, 1, || aggregate(&signatures).unwrap()));
    row("votes heard until the certificate", Samples::time(SAMPLES, 1, || tally(&committee, &votes)));
    let certificate = tally(&committee, &votes);
    row("check of the certificate", Samples::time(SAMPLES, 1, || check_certificate(&committee, &certificate).unwrap()));
}

fn statement(committee: &Committee) -> Statement {
    Statement {
        chain_id: 4201,
        height: 1,
        block_hash: B256::repeat_byte(1),
        state_root: B256::repeat_byte(2),
        epoch: committee.epoch(),
        committee_root: committee.root(),
        finality: Finality::Certified,
    }
}

fn vote(statement: Statement, member: u16, signature: &Signature) -> Vote {
    Vote { statement, member, signature: signature.to_bytes().into() }
}

/// Hears votes until there is a certificate.
fn tally(committee: &Committee, votes: &[Vote]) -> Certificate {
    let mut tally = Tally::new(4201, committee.clone(), 0);
    let certificate = |found| match found {
        Found::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    votes.iter().flat_map(|vote| tally.vote(*vote)).find_map(certificate).unwrap()
}
