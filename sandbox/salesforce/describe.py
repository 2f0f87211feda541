"""What describe tells of objects and fields, in the shape of the REST API."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, Schema, SObject

SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
}


def describe_all(schema: Schema, data_path: str) -> dict[str, Any]:
    """List the objects. `data_path` is `/services/data/vXX.X`."""
    objects = [_describe_briefly(each, data_path) for each in schema.objects]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}


def describe_basics(sobject: SObject, data_path: str) -> dict[str, Any]:
    """Describe an object in short, as at `/sobjects/X/`."""
    return {"objectDescribe": _describe_briefly(sobject, data_path), "recentItems": []}


def describe_object(schema: Schema, sobject: SObject, data_path: str) -> dict[str, Any]:
    """Describe an object in whole, as at `/sobjects/X/describe`."""
    return _describe_briefly(sobject, data_path) | {
        "actionOverrides": [],
        "childRelationships": _list_children(schema, sobject),
        "compactLayoutable": True,
        "fields": [describe_field(each) for each in sobject.fields],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {"layout": f"{data_path}/sobjects/{sobject.name}/describe/layouts/012000000000000AAA"},
            }
        ],
        "searchLayoutable": True,
        "supportedScopes": [{"label": "All records", "name": "everything"}],
    }


def describe_field(field: Field) -> dict[str, Any]:
    """Describe one field."""
    number = field.type in NUMBER_TYPES
    return {
        "aggregatable": field.filterable,
        "autoNumber": bool(field.auto_number),
        "byteLength": field.length * 3 if field.type in TEXT_TYPES else field.length,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": False,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": False if field.type == "boolean" else None,
        "defaultValueFormula": None,
        "defaultedOnCreate": not field.createable,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 9 if field.type == "int" else 0,
        "encrypted": False,
        "externalId": field.external_id,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "groupable": field.filterable and field.type not in {"datetime", "multipicklist"} and not number,
        "htmlFormatted": False,
        "idLookup": field.id_lookup or field.external_id or field.type == "id",
        "inlineHelpText": None,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": False,
        "nillable": field.nillable,
        "permissionable": field.nillable and field.updateable,
        "picklistValues": [_describe_value(value) for value in field.values],
        "polymorphicForeignKey": False,
        "precision": 18 if number and field.type != "int" else 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": [field.to] if field.to else [],
        "relationshipName": field.relationship or None,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": field.restricted,
        "scale": 0,
        "soapType": SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def _describe_value(value: str) -> dict[str, Any]:
    return {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}


def _describe_briefly(sobject: SObject, data_path: str) -> dict[str, Any]:
    address = f"{data_path}/sobjects/{sobject.name}"
    writable = sobject.writable
    return {
        "activateable": False,
        "createable": writable,
        "custom": sobject.custom,
        "customSetting": False,
        "deletable": writable,
        "deprecatedAndHidden": False,
        "feedEnabled": writable,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "layoutable": True,
        "mergeable": False,
        "mruEnabled": True,
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": True,
        "triggerable": writable,
        "undeletable": writable,
        "updateable": writable,
        "urls": {
            "sobject": address,
            "describe": f"{address}/describe",
            "rowTemplate": f"{address}/{{ID}}",
        },
    }


def _list_children(schema: Schema, sobject: SObject) -> list[dict[str, Any]]:
    """List the fields of other objects that lead here; system fields and child relationship names are left out."""
    return [
        {
            "cascadeDelete": False,
            "childSObject": other.name,
            "deprecatedAndHidden": False,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": None,
            "restrictedDelete": False,
        }
        for other in schema.objects
        for field in other.fields
        if field.to == sobject.name and field.type in ID_TYPES and field.createable
    ]
