//! The binary: hands over to the command line, nothing else.

fn main() -> std::process::ExitCode {
    muc_invite_relay::cli::main()
}
