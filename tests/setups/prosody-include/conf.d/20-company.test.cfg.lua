VirtualHost "company.test"
    enabled = true
    ssl = { certificate = "/etc/certs/company.pem"; key = "/etc/certs/company.key" }
