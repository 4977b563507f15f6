Component "irc.example.test"
    component_secret = "another secret"
