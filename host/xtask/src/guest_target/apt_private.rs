//! An apt state of our own: lists, cache and sources in a work folder, so that the distribution's newer suites can be
//! asked without touching the machine's sources. The mirror is the one that the machine already uses, and the keys are the
//! distribution's, so that apt checks signatures as ever.

use super::say;
use crate::{
    error::{Error, Result},
    process::Tool,
};
use std::{fs, path::Path};

/// Suites that carry a recent rust-src, stable ones first. One that a mirror lacks is passed over.
const SUITES: [&str; 5] = ["bookworm-backports", "trixie", "trixie-backports", "forky", "sid"];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches the suites' lists into `work`; returns the options that make apt use them.
pub fn prepare(work: &Path) -> Result<Vec<String>> {
    let site = mirror()?;
    if !Path::new(KEYRING).is_file() {
        return Err(Error::Usage(format!("{KEYRING} is missing: install debian-archive-keyring")));
    }
    let state = work.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        let folder = state.join(folder);
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    }
    let list = state.join("sources.list");
    fs::write(&list, sources(&site)).map_err(Error::file("write", &list))?;
    let options = options(&state);
    say(&format!("reading the lists of {} from {site}", SUITES.join(", ")));
    // Fails as a whole when one suite is missing; whether the package is there is seen when it is downloaded.
    let updated = Tool::new("apt-get").args(&options).args(["-qq", "update"]).env("LC_ALL", "C").output();
    if let Err(error) = updated {
        say(&format!("not every suite answered: {error}"));
    }
    Ok(options)
}

fn sources(site: &str) -> String {
    SUITES.iter().map(|suite| format!("deb [signed-by={KEYRING}] {site} {suite} main\n")).collect()
}

fn options(state: &Path) -> Vec<String> {
    let path = |name: &str| state.join(name).display().to_string();
    let settings = [
        format!("Dir::Etc::sourcelist={}", path("sources.list")),
        "Dir::Etc::sourceparts=-".to_owned(),
        format!("Dir::State::lists={}", path("lists")),
        format!("Dir::Cache={}", path("cache")),
        "Acquire::Languages=none".to_owned(),
        // The work folder may be closed to apt's unprivileged user.
        "APT::Sandbox::User=root".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect()
}

fn mirror() -> Result<String> {
    let targets = Tool::new("apt-get").args(["indextargets", "--format", "$(ORIGIN) $(SITE)"]).output()?;
    let site = choose_mirror(&targets).ok_or_else(|| Error::Usage("no Debian archive among the apt sources".into()));
    site.map(str::to_owned)
}

/// The first site of the distribution's main archive. The origin is empty until lists were fetched once.
fn choose_mirror(targets: &str) -> Option<&str> {
    let mut sites = targets.lines().filter_map(|line| line.split_once(' '));
    let main = |site: &str| site.trim_end_matches('/').ends_with("/debian");
    sites.find(|(origin, site)| (*origin == "Debian" || origin.is_empty()) && main(site)).map(|(_, site)| site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_distributions_main_archive() {
        for (targets, want) in [
            ("", None),
            ("Debian http://a/debian-security\nDebian http://a/debian\n", Some("http://a/debian")),
            ("Other http://b/debian\n http://c/debian/\n", Some("http://c/debian/")),
            ("Ubuntu http://d/ubuntu\n", None),
        ] {
            assert_eq!(choose_mirror(targets), want, "{targets:?}");
        }
    }

    #[test]
    fn every_source_names_its_key_and_no_path_leads_to_the_machines_state() {
        assert!(sources("http://a/debian").lines().all(|line| line.starts_with("deb [signed-by=/usr/share/keyrings/")));
        let options = options(Path::new("/w/apt"));
        for setting in options.iter().filter(|option| option.starts_with("Dir::")) {
            let value = setting.split_once('=').unwrap().1;
            assert!(value == "-" || value.starts_with("/w/apt/"), "{setting}");
        }
    }
}
