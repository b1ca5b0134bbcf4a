#!/bin/sh
# Registers the bot as an Azure Bot with the Teams channel, and writes the three lines that teamsbot reads into .env:
#   scripts/register_azure.sh RESOURCE_GROUP NAME ENDPOINT
# Needs the Azure CLI, signed in (az login). A second run makes a second app: delete the first one before.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: $0 RESOURCE_GROUP NAME https://your-host/api/messages" >&2
    exit 2
fi
group=$1 name=$2 endpoint=$3

if ! command -v az >/dev/null; then
    echo "the Azure CLI (az) is not installed; install it and sign in with az login" >&2
    exit 2
fi

if grep -qE '^(CLIENT_ID|MicrosoftAppId)=' .env 2>/dev/null; then
    echo ".env names an app already; remove its lines first" >&2
    exit 2
fi

tenant=$(az account show --query tenantId --output tsv)
app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
az ad sp create --id "$app" --output none
secret=$(az ad app credential reset --id "$app" --display-name teamsbot --years 1 --query password --output tsv)
umask 077
printf 'CLIENT_ID=%s\nCLIENT_SECRET=%s\nTENANT_ID=%s\n' "$app" "$secret" "$tenant" >> .env
az bot create --resource-group "$group" --name "$name" --app-type SingleTenant --appid "$app" --tenant-id "$tenant" \
    --endpoint "$endpoint" --sku F0 --output none
az bot msteams create --resource-group "$group" --name "$name" --output none
echo "Registered $app; its three lines are in .env"
