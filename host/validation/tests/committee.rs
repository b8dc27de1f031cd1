//! Committees of one process under a seeded network: loss, delay, repeats, restarts, liars.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use alloy_primitives::{Address, B256, FixedBytes, keccak256};
use caldera_bls::{Domain, SecretKey};
use caldera_types::{BlsSignature, Certificate, Committee, Evidence, Member, Statement, Vote};
use caldera_validation::*;

const CHAIN: u64 = 4_201;

fn secret(n: usize) -> SecretKey {
    SecretKey::from_entropy(&keccak256(n.to_be_bytes()).0)
}

fn committee(members: usize) -> Committee {
    let member = |n| Member { key: FixedBytes(secret(n).public_key().to_bytes()), weight: 1, owner: Address::ZERO };
    Committee::new(0, (0..members).map(member).collect()).unwrap()
}

/// What executing the block of a height gives.
fn block(height: u64) -> Verified {
    let hash = |what: u8| keccak256([[what].as_slice(), &height.to_be_bytes()].concat());
    let parent_hash = if height == 1 { B256::ZERO } else { block(height - 1).block_hash };
    Verified { height, parent_hash, block_hash: hash(0), state_root: hash(1), receipts_root: hash(2) }
}

fn validator(folder: &Path, of: &Committee, n: usize) -> Validator {
    let signer = Signer::open(folder.join(format!("{n}/votes")), of.clone(), vec![secret(n)]).unwrap();
    Validator::new(CHAIN, signer, 0)
}

fn signed(statement: Statement, n: usize, domain: Domain) -> Vote {
    let signature = secret(n).sign(domain, &statement.encode()).to_bytes().into();
    Vote { statement, member: n as u16, signature }
}

/// Numbers of a seed, apart from those of the network.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Seven members: five honest, one that signs two statements of each height, one that signs a wrong root.
const MEMBERS: usize = 7;
const EQUIVOCATES: usize = 5;
const WRONG: usize = 6;
const HEIGHTS: u64 = 24;

fn simulate(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let of = committee(MEMBERS);
    let twin = Twin::with_faults(Faults { seed, lost: 250, delayed: 300, repeated: 100 });
    let ports: Vec<_> = (0..MEMBERS).map(|_| twin.join()).collect();
    let mut validators: Vec<_> = (0..EQUIVOCATES).map(|n| validator(dir.path(), &of, n)).collect();
    let (mut at, mut dice) = ([0u64; EQUIVOCATES], Dice(seed));
    let mut certificates = vec![BTreeMap::<u64, Certificate>::new(); EQUIVOCATES];
    let mut evidence = vec![BTreeMap::<(u64, u16), Evidence>::new(); EQUIVOCATES];
    let mut lied = 0;
    for step in 0.. {
        assert!(step < 200_000, "seed {seed}: nothing comes of it: {at:?}");
        let n = dice.below(EQUIVOCATES);
        let keep = |n: usize,
                    outcome: Outcome,
                    certificates: &mut Vec<BTreeMap<u64, Certificate>>,
                    evidence: &mut Vec<BTreeMap<(u64, u16), Evidence>>| {
            outcome.messages.into_iter().for_each(|message| ports[n].broadcast(message));
            for certificate in outcome.certificates {
                check_certificate(&of, &certificate).unwrap();
                certificates[n].insert(certificate.statement.height, certificate);
            }
            for found in outcome.evidence {
                check_evidence(&of, &found).unwrap();
                let height = found.votes().next().unwrap().statement.height;
                evidence[n].insert((height, found.member()), found);
            }
        };
        match dice.below(20) {
            // A block is verified.
            0..4 if at[n] < HEIGHTS => {
                at[n] += 1;
                let outcome = validators[n].verified(&block(at[n])).unwrap();
                keep(n, outcome, &mut certificates, &mut evidence);
            }
            // The process dies: what it signed is on disk, what it heard is gone.
            4 if dice.below(20) == 0 => {
                let spare = dir.path().join("spare");
                let gone = std::mem::replace(&mut validators[n], validator(&spare.join(step.to_string()), &of, n));
                drop(gone);
                validators[n] = validator(dir.path(), &of, n);
                let last = validators[n].signer().last().map_or(0, |last| last.height);
                assert!(last >= at[n], "seed {seed}: {last} of {}", at[n]);
                // It gathers anew what it had not: its own votes come from its record.
                at[n] = 0;
            }
            // The liars lie, one height after the other.
            5 if lied < HEIGHTS => {
                lied += 1;
                let good = validators[n].statement(&block(lied));
                let bad = Statement { state_root: B256::repeat_byte(0xbd), ..good };
                for (statement, liar) in [(good, EQUIVOCATES), (bad, EQUIVOCATES), (bad, WRONG)] {
                    ports[liar].broadcast(Message::Vote(signed(statement, liar, Domain::Certificate)));
                }
                // And what proves nothing: another's name, another domain.
                let stolen = Vote { member: 0, ..signed(bad, WRONG, Domain::Certificate) };
                ports[WRONG].broadcast(Message::Vote(stolen));
                ports[WRONG].broadcast(Message::Vote(signed(bad, WRONG, Domain::Handover)));
            }
            6 => ports[n].broadcast(validators[n].ask()),
            _ => {
                if let Some(message) = ports[n].receive(Duration::ZERO) {
                    let outcome = validators[n].hear(message);
                    keep(n, outcome, &mut certificates, &mut evidence);
                }
            }
        }
        if lied == HEIGHTS && certificates.iter().all(|own| own.len() == HEIGHTS as usize) {
            break;
        }
    }
    for (n, own) in certificates.iter().enumerate() {
        for (height, certificate) in own {
            assert_eq!(
                certificate.statement,
                validators[n].statement(&block(*height)),
                "seed {seed}: a lie was certified"
            );
        }
    }
    let accused: Vec<_> = evidence.iter().flat_map(|own| own.keys().map(|(_, member)| *member)).collect();
    assert!(
        accused.iter().all(|member| usize::from(*member) >= EQUIVOCATES),
        "seed {seed}: an honest member is accused"
    );
    for liar in [EQUIVOCATES, WRONG] {
        assert!(accused.contains(&(liar as u16)), "seed {seed}: member {liar} got away with it");
    }
}

#[test]
fn every_height_is_certified_and_every_liar_accused() {
    let seeds = std::env::var("CALDERA_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    (0..seeds).for_each(simulate);
}

#[test]
fn two_of_three_thirds_are_not_enough() {
    let of = committee(6);
    let dir = tempfile::tempdir().unwrap();
    let mut validator = validator(dir.path(), &of, 0);
    let statement = validator.statement(&block(1));
    let mut heard = |n| validator.hear(Message::Vote(signed(statement, n, Domain::Certificate))).certificates.len();
    assert_eq!((0..6).map(&mut heard).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn bad_votes_are_thrown_out_by_name_and_the_good_ones_count() {
    let of = committee(4);
    let dir = tempfile::tempdir().unwrap();
    let mut validator = validator(dir.path(), &of, 0);
    let statement = validator.statement(&block(1));
    validator.verified(&block(1)).unwrap();
    let bad = [
        signed(statement, 1, Domain::Handover),
        Vote { signature: BlsSignature::ZERO, ..signed(statement, 2, Domain::Certificate) },
        Vote { member: 9, ..signed(statement, 2, Domain::Certificate) },
        signed(Statement { epoch: 5, ..statement }, 2, Domain::Certificate),
        signed(Statement { committee_root: B256::ZERO, ..statement }, 2, Domain::Certificate),
    ];
    let refused: Vec<_> = bad.iter().flat_map(|vote| validator.hear(Message::Vote(*vote)).refused).collect();
    for want in ["wrong domain", "no point", "no member 9", "epoch 5", "is not this one"] {
        assert!(refused.iter().any(|why| why.contains(want)), "{want}: {refused:#?}");
    }
    let outcomes: Vec<_> =
        (1..4).map(|n| validator.hear(Message::Vote(signed(statement, n, Domain::Certificate)))).collect();
    assert_eq!(outcomes.iter().map(|outcome| outcome.certificates.len()).sum::<usize>(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.evidence.is_empty()));
}

/// Who sends votes in another's name keeps that other's own vote out of nothing.
#[test]
fn forged_votes_keep_no_vote_out() {
    let of = committee(4);
    let dir = tempfile::tempdir().unwrap();
    let mut validator = validator(dir.path(), &of, 0);
    let statement = validator.statement(&block(1));
    for n in 1..4 {
        for lie in 1..6 {
            let lie = Statement { state_root: B256::repeat_byte(lie), ..statement };
            let forged = Vote { member: n, ..signed(lie, 0, Domain::Certificate) };
            assert!(validator.hear(Message::Vote(forged)).evidence.is_empty());
        }
        let signature = signed(statement, 0, Domain::Certificate).signature;
        let forged = Vote { signature, ..signed(statement, n.into(), Domain::Certificate) };
        validator.hear(Message::Vote(forged));
    }
    let heard = |n| validator.hear(Message::Vote(signed(statement, n, Domain::Certificate)));
    let outcomes: Vec<_> = (1..4).map(heard).collect();
    assert_eq!(outcomes.iter().map(|outcome| outcome.certificates.len()).sum::<usize>(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.evidence.is_empty()));
}

#[test]
fn certificates_are_refused_by_name() {
    let of = committee(4);
    let dir = tempfile::tempdir().unwrap();
    let statement = validator(dir.path(), &of, 0).statement(&block(1));
    let sum = |domain, signers: &[usize]| {
        let signatures: Vec<_> = signers.iter().map(|n| secret(*n).sign(domain, &statement.encode())).collect();
        BlsSignature::from(caldera_bls::aggregate(&signatures).unwrap().to_bytes())
    };
    let make = |signature| Certificate::new(statement, &of, &[0, 1, 2], signature).unwrap();
    check_certificate(&of, &make(sum(Domain::Certificate, &[0, 1, 2]))).unwrap();
    for (signature, want) in [
        (sum(Domain::Handover, &[0, 1, 2]), SignatureFault::WrongDomain(Domain::Handover)),
        (sum(Domain::Possession, &[0, 1, 2]), SignatureFault::WrongDomain(Domain::Possession)),
        // One signer counted twice in the sum.
        (sum(Domain::Certificate, &[0, 1, 2, 2]), SignatureFault::NotTheirs),
        (sum(Domain::Certificate, &[0, 1]), SignatureFault::NotTheirs),
        (sum(Domain::Certificate, &[0, 1, 3]), SignatureFault::NotTheirs),
    ] {
        assert_eq!(check_certificate(&of, &make(signature)).unwrap_err(), want);
    }
    assert!(matches!(check_certificate(&of, &make(BlsSignature::ZERO)), Err(SignatureFault::Bytes(_))));
}

#[test]
fn what_was_found_outlives_the_process() {
    let (of, dir) = (committee(4), tempfile::tempdir().unwrap());
    let statement = validator(dir.path(), &of, 0).statement(&block(7));
    let signatures: Vec<_> = (0..3).map(|n| secret(n).sign(Domain::Certificate, &statement.encode())).collect();
    let sum = caldera_bls::aggregate(&signatures).unwrap().to_bytes().into();
    let certificate = Certificate::new(statement, &of, &[0, 1, 2], sum).unwrap();
    let lie = signed(Statement { state_root: B256::ZERO, ..statement }, 3, Domain::Certificate);
    let evidence = Evidence::wrong_root(lie, certificate.clone()).unwrap();
    for new in [true, false] {
        let archive = Archive::open(dir.path(), of.clone()).unwrap();
        assert_eq!(archive.newest(), if new { 0 } else { 7 });
        archive.put(&certificate).unwrap();
        assert_eq!((archive.newest(), archive.get(7).unwrap()), (7, Some(certificate.clone())));
        assert_eq!(
            (archive.get(6).unwrap(), archive.get(8).unwrap(), archive.get(u64::MAX).unwrap()),
            (None, None, None)
        );
        let store = EvidenceStore::open(dir.path().join("evidence")).unwrap();
        assert_eq!(store.put(&evidence).unwrap(), new);
        assert_eq!(store.all().unwrap(), std::slice::from_ref(&evidence));
    }
    let other = committee(5);
    assert_eq!(Archive::open(dir.path(), other).unwrap().get(7).unwrap(), None);
}

/// Signs one height after the other and says so, until it is killed. Only does anything as a child of the test below.
#[test]
fn child_signs_without_end() {
    let Some(path) = std::env::var_os("CALDERA_SIGN_INTO").map(PathBuf::from) else { return };
    let mut validator = validator(&path, &committee(4), 0);
    let from = validator.signer().last().map_or(1, |last| last.height + 1);
    for height in from.. {
        validator.verified(&block(height)).unwrap();
        println!("signed {height}");
    }
}

/// `kill -9` at any moment: whoever saw a signature never sees another one of that height.
#[test]
fn killed_it_never_signs_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..15u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_signs_without_end", "--nocapture", "--test-threads=1"])
            .env("CALDERA_SIGN_INTO", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = |line: String| line.split("signed ").nth(1).and_then(|height| height.trim().parse::<u64>().ok());
        let heights = lines.map_while(Result::ok).filter_map(said);
        let last = heights.take(3 + (round as usize * 7) % 11).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut validator = validator(dir.path(), &committee(4), 0);
        assert!(validator.signer().last().unwrap().height >= last);
        let other = Verified { block_hash: B256::repeat_byte(round as u8), ..block(last) };
        assert!(matches!(validator.verified(&other), Err(SignError::Signed { height, .. }) if height == last));
        // The same again is the same.
        validator.verified(&block(last)).unwrap();
    }
}
