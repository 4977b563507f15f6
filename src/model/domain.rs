//! Domains: the canonical form in which they are compared. Knows nothing of the other parts of a JID.
//!
//! XMPP servers prepare a domain with nameprep (RFC 6122, IDNA 2003) and leave `xn--…` as it is, so one domain can reach
//! the relay as U-label (`räume.example`) or as A-label (`xn--rume-loa.example`), depending on how it was configured.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use idna::{domain_to_ascii, domain_to_unicode};
use jid::DomainPart;

/// The prefix of an A-label (RFC 5890 §2.3.2.1).
const A_LABEL: &str = "xn--";

/// Full stops that IDNA (RFC 3490 §3.1) treats as `.`.
const DOTS: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// The canonical form: prepared as servers do (lower case, NFKC), without a final dot, in U-labels.
///
/// An A-label is kept if servers would change its U-label into another domain (`xn--strae-oqa` is `straße`, which
/// nameprep changes into `strasse`), or could not prepare it (characters that are newer than nameprep).
///
/// # Errors
/// It is not a domain.
pub fn canonical(domain: &str) -> Result<Cow<'_, str>, jid::Error> {
    if is_plain(domain) {
        return DomainPart::new(domain).map(|_| Cow::Borrowed(domain));
    }
    if let Some(ip) = domain.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'))
        && let Ok(ip) = ip.parse::<Ipv6Addr>()
    {
        return Ok(Cow::Owned(format!("[{ip}]")));
    }
    let dotted = domain.replace(DOTS, ".");
    let prepared = match DomainPart::new(&dotted) {
        Ok(prepared) if is_prepared(prepared.as_str()) => prepared.as_str().replace(DOTS, "."),
        // Characters that are newer than nameprep: it refuses them, or normalises them and leaves them as capitals.
        Ok(_) | Err(jid::Error::NamePrep) => {
            let dotted = dotted.strip_suffix('.').unwrap_or(&dotted);
            domain_to_ascii(dotted).map_err(|_| jid::Error::NamePrep)?
        }
        Err(error) => return Err(error),
    };
    let labels: Vec<_> = prepared.split('.').map(decoded).collect();
    let decoded = labels.join(".");
    // The decoded labels must be a valid domain as well.
    DomainPart::new(&decoded)?;
    Ok(Cow::Owned(decoded))
}

/// Whether `written` and `canonical` are the same domain, and differ at most by A-labels, capitals or a final dot. False
/// where nameprep has changed the domain into another one (`straße` into `strasse`), which may have another owner.
#[must_use]
pub fn is_spelling_of(written: &str, canonical: &str) -> bool {
    if written == canonical || written.eq_ignore_ascii_case(canonical) {
        return true;
    }
    let written = written.strip_suffix('.').unwrap_or(written);
    let ascii = |domain: &str| domain_to_ascii(domain).ok();
    written.eq_ignore_ascii_case(canonical)
        || ascii(written).is_some_and(|written| ascii(canonical) == Some(written))
}

/// Whether a domain, in its canonical form, can be what somebody means who has typed it: labels of letters, digits, `-` and `_`, or
/// the literal of an IP address. [`canonical`] takes more, since servers may send it. Typed, it is a slip: quotation marks that a
/// tool has kept, a `*`, or a variable that nobody has replaced. There are domains with symbols beyond ASCII, and none with
/// punctuation.
#[must_use]
pub fn is_host_name(domain: &str) -> bool {
    if let Some(ip) = domain.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
        return ip.parse::<Ipv6Addr>().is_ok();
    }
    let may_stand = |c: char| match c {
        '-' | '_' | '.' => true,
        c => c.is_alphanumeric() || !(c.is_ascii() || is_punctuation(c)),
    };
    !domain.is_empty() && domain.chars().all(may_stand)
}

/// Punctuation beyond ASCII that people and their programs write around words. Joiners, and what IDNA allows within words
/// (RFC 5892, appendix A), are not among it.
fn is_punctuation(c: char) -> bool {
    matches!(c,
        '\u{ab}' | '\u{bb}' | '\u{2010}'..='\u{206f}' | '\u{2e00}'..='\u{2e7f}' | '\u{3001}'..='\u{3003}'
        | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}')
}

/// A domain in A-labels; `None` if it can't be written in them.
#[must_use]
pub fn a_labels(domain: &str) -> Option<String> {
    domain_to_ascii(domain).ok()
}

/// Whether preparing it again would change nothing.
fn is_prepared(domain: &str) -> bool {
    DomainPart::new(domain).is_ok_and(|again| again.as_str() == domain)
}

/// Whether a domain is canonical without any preparation, as nearly all are.
pub(crate) fn is_plain(domain: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    domain.bytes().all(plain) && !has_a_label(domain) && !domain.ends_with('.')
}

/// Whether a canonical domain may have other spellings than capitals and a final dot.
pub(crate) fn has_spellings(domain: &str) -> bool {
    !domain.is_ascii() || has_a_label(domain)
}

/// Asked some sixty times for each invitation, of domains that hardly ever have a hyphen.
fn has_a_label(domain: &str) -> bool {
    memchr::memchr(b'-', domain.as_bytes()).is_some() && domain.contains(A_LABEL)
}

/// The U-label of an A-label if servers would not change it; else the label as it is.
fn decoded(label: &str) -> Cow<'_, str> {
    if !label.starts_with(A_LABEL) {
        return Cow::Borrowed(label);
    }
    let (unicode, valid) = domain_to_unicode(label);
    let stays = valid.is_ok()
        && DomainPart::new(&unicode).is_ok_and(|prepared| prepared.as_str() == unicode)
        && domain_to_ascii(&unicode).is_ok_and(|ascii| ascii == label);
    Cow::Owned(if stays { unicode } else { label.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("example.org", "example.org")]
    #[case("Example.ORG", "example.org")]
    #[case("example.org.", "example.org")]
    #[case("räume.example", "räume.example")]
    #[case("RÄUME.Example.", "räume.example")]
    #[case("ra\u{308}ume.example", "räume.example")]
    #[case("xn--rume-loa.example", "räume.example")]
    #[case("XN--RUME-LOA.example.", "räume.example")]
    #[case("räume。example", "räume.example")]
    #[case("räume.xn--bcher-kva.example", "räume.bücher.example")]
    #[case("straße.example", "strasse.example")]
    #[case("xn--strae-oqa.example", "xn--strae-oqa.example")]
    #[case("ｅｘａｍｐｌｅ.org", "example.org")]
    #[case("\u{2c7d}.example", "v.example")]
    #[case("127.0.0.1", "127.0.0.1")]
    #[case("[FE80:0::1]", "[fe80::1]")]
    fn the_canonical_form(#[case] written: &str, #[case] expected: &str) {
        assert_eq!(canonical(written).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("a..b")]
    #[case("example.org..")]
    #[case("a b.example")]
    #[case("example.org:5222")]
    #[case("xn--a.example")]
    #[case("-a.example")]
    fn no_domain(#[case] written: &str) {
        assert!(canonical(written).is_err(), "{written} is {:?}", canonical(written));
    }

    #[rstest]
    #[case("localhost")]
    #[case("rooms_1.example.org")]
    #[case("127.0.0.1")]
    #[case("[::1]")]
    #[case("RÄUME.Example.")]
    #[case("xn--rume-loa.example")]
    #[case("ra\u{308}ume.example")]
    #[case("한국.example")]
    #[case("हिन्दी.example")]
    #[case("paral·lel.example")]
    #[case("\u{1f4a9}.example")]
    fn what_somebody_means(#[case] written: &str) {
        assert!(is_host_name(&canonical(written).unwrap()));
    }

    #[rstest]
    #[case("\"a.example.org\"")]
    #[case("'conference.example.org'")]
    #[case("*.example.org")]
    #[case("*")]
    #[case("${DOMAIN}")]
    #[case("conference.example.org;")]
    #[case("a.example.org,b.example.org")]
    #[case("“a.example.org”")]
    #[case("„a.example.org“")]
    #[case("«a.example.org»")]
    #[case("(a.example.org)")]
    #[case("a.example.org=")]
    fn what_is_a_slip(#[case] written: &str) {
        assert!(!canonical(written).is_ok_and(|domain| is_host_name(&domain)));
    }

    #[test]
    fn a_domain_that_nameprep_changes_is_not_the_other_one() {
        let is_own = |written: &str| is_spelling_of(written, &canonical(written).unwrap());
        for own in
            ["example.org", "EXAMPLE.org.", "xn--rume-loa.example", "Räume.example", "xn--strae-oqa.example"]
        {
            assert!(is_own(own), "{own}");
        }
        assert!(!is_own("straße.example"));
    }

    /// Letters of several scripts, without those that IDNA 2003 and 2008 handle differently.
    const LABEL: &str = "[a-zA-Z0-9àáâäåçèéêíñóöøúüÄÖÜéабвгджзиклмнопрстуфхцчшщыэюяБГДабαβγδεθλμξπφψωΔΛΩ日本語中文한국]{1,12}";

    proptest! {
        #[test]
        fn canonical_form_is_stable(domain in any::<String>()) {
            if let Ok(once) = canonical(&domain) {
                let twice = canonical(&once);
                prop_assert_eq!(twice.as_deref(), Ok(&*once));
            }
        }

        #[test]
        fn spellings_make_no_difference(labels in prop::collection::vec(LABEL, 1..4), dot in any::<bool>()) {
            let written = labels.join(".");
            let Ok(form) = canonical(&written) else { return Ok(()) };
            let ascii = domain_to_ascii(&written).unwrap();
            let dot = if dot { "." } else { "" };
            for spelling in [
                written.to_uppercase(),
                written.to_lowercase(),
                ascii.to_uppercase(),
                ascii,
                domain_to_unicode(&written).0,
            ] {
                let spelling = spelling + dot;
                let found = canonical(&spelling);
                prop_assert_eq!(found.as_deref(), Ok(&*form), "{}", spelling);
                prop_assert!(is_spelling_of(&spelling, &form));
            }
        }
    }
}
