//! `print`: the manual page and the shells' completions, generated from the definition of the command line. Knows nothing of
//! what the commands do.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::command::CommandError;

/// The sections of the manual page that can't be generated.
const MANUAL_PAGE_END: &str = include_str!("more.8");

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manual page, or the completions of a shell
    what: What,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Man,
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(
    mut command: Command,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let shell = match arguments.what {
        What::Man => None,
        What::Bash => Some(Shell::Bash),
        What::Zsh => Some(Shell::Zsh),
        What::Fish => Some(Shell::Fish),
    };
    match shell {
        None => man(&command, out)?,
        Some(shell) => {
            let name = command.get_name().to_owned();
            // Generated in memory first: an error of the output would make `generate` panic.
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, name.as_str(), &mut text);
            let text = String::from_utf8_lossy(&text);
            // For a program with a dash in its name, clap_complete 4.6 writes two spellings in bash, and finds no options.
            let [ours, theirs] = ["__", "__subcmd__"].map(|dash| name.replace('-', dash));
            out.write_all(text.replace(&theirs, &ours).as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn man(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let man = Man::new(command.clone()).section("8").manual("System Administration");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for command in command.get_subcommands() {
        section(out, command.get_name(), command)?;
        for below in command.get_subcommands() {
            section(out, &format!("{} {}", command.get_name(), below.get_name()), below)?;
        }
    }
    out.write_all(MANUAL_PAGE_END.as_bytes())
}

/// The sections of a command's own page, as a subsection of this page.
fn section(out: &mut impl Write, name: &str, command: &Command) -> io::Result<()> {
    let man = Man::new(command.clone().disable_help_flag(true));
    let mut text = Vec::new();
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    writeln!(out, ".SS {name}")?;
    let text = String::from_utf8_lossy(&text);
    for line in text.lines().filter(|line| !line.starts_with(".SH ")) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
