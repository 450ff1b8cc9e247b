#!/usr/bin/env bash
# make trust-ca: how your own machine and browser come to trust the lab's root, and how to remove it. Changes nothing.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/certificates.sh"

need_engine "$@"
[ -s "$ROOT_CERTIFICATE" ] || die "there is no certificate authority yet" "Start a stage that has one:  make stage-2"
root=$PWD/$ROOT_CERTIFICATE
fingerprint=$(ca fingerprint) || die "the root in $ROOT_CERTIFICATE cannot be read" "Look at it:  openssl x509 -text -in $ROOT_CERTIFICATE"
# What macOS finds and deletes a certificate by.
sha1=$(ca fingerprint sha1 | tr -d :)

cat <<EXPLAINED
The site's certificate leads to the lab's own root, which your machine does not know: that is why your browser warns at
https://localhost:$HTTPS_PORT/. To do without the warning, tell it to trust the root. Nothing is changed by this command.

  file      $root
  SHA-256   $fingerprint

The root may speak for foobar.com and localhost, and for no other name. Its key is in the same folder: remove the trust when
you are done with the lab.

Debian, Ubuntu     trust   sudo cp '$root' /usr/local/share/ca-certificates/webstack-lab.crt && sudo update-ca-certificates
                   remove  sudo rm /usr/local/share/ca-certificates/webstack-lab.crt && sudo update-ca-certificates --fresh

Fedora             trust   sudo cp '$root' /etc/pki/ca-trust/source/anchors/webstack-lab.crt && sudo update-ca-trust
                   remove  sudo rm /etc/pki/ca-trust/source/anchors/webstack-lab.crt && sudo update-ca-trust

macOS              trust   sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain '$root'
                   remove  sudo security delete-certificate -Z $sha1 /Library/Keychains/System.keychain

Windows            trust   certutil -user -addstore Root root.crt              (copy the file there first)
                   remove  certutil -user -delstore Root "webstack-lab root"

Firefox            trust   Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import: the file, "websites"
                   remove  there: webstack-lab root, Delete or Distrust

Chrome on Linux    trust   Settings, Privacy and security, Security, Manage certificates, Custom, Import
                   remove  there

Compare the fingerprint where it is shown. Does it work?  curl https://localhost:$HTTPS_PORT/products/1
EXPLAINED
